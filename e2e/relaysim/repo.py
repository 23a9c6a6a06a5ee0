"""A repository: records in a signed tree, and the commits that change it.

Spec: https://atproto.com/specs/repository. A commit on the firehose follows https://atproto.com/specs/sync
(v1.1): it has ``since``, ``prevData`` and the nodes that are needed to undo each operation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from e2e.relaysim import car, dagcbor, mst
from e2e.relaysim.car import Block
from e2e.relaysim.cid import Cid
from e2e.relaysim.keys import Key

Action = Literal["create", "update", "delete"]
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """A change that a user asks for. ``path`` is ``collection/rkey``.

    A record of ``bytes`` is stored as it is, even if it isn't CBOR.
    """

    action: Action
    path: str
    record: Record | bytes | None = None

    def block(self) -> Block | None:
        """The record's CID and bytes."""
        if self.record is None:
            return None
        data = self.record if isinstance(self.record, bytes) else dagcbor.encode(self.record)
        return Cid.of(data), data


@dataclass(frozen=True, slots=True)
class Op:
    """An operation of a commit. ``cid`` is that of the record after it, ``prev`` that of the record before."""

    action: Action
    path: str
    cid: Cid | None
    prev: Cid | None


@dataclass(frozen=True, slots=True)
class Commit:
    """A signed state of a repository, with the operations that led to it from the state before."""

    did: str
    rev: str
    since: str | None
    prev_data: Cid | None
    ops: tuple[Op, ...]
    block: Block
    nodes: tuple[Block, ...]
    records: tuple[Block, ...]

    @property
    def cid(self) -> Cid:
        """The CID of the signed commit object."""
        return self.block[0]

    def car(self) -> bytes:
        """The archive that is sent as ``blocks``: commit, tree nodes, records."""
        return car.encode(self.cid, (self.block, *self.nodes, *self.records))


class Repo:
    """The current state of one account's data."""

    def __init__(self, did: str, key: Key) -> None:
        self.did = did
        self.key = key
        self.tree = mst.EMPTY
        self.head: Commit | None = None

    def commit(self, writes: Sequence[Write], *, rev: str) -> Commit:
        """Apply the writes as one commit. ``ValueError`` if a write doesn't fit the state of the repository."""
        before, last = self.tree, self.head
        if last and rev <= last.rev:
            msg = f"rev {rev} doesn't come after {last.rev}: give a higher one"
            raise ValueError(msg)
        ops: list[Op] = []
        records: dict[Cid, bytes] = {}
        for write in writes:
            block = write.block()
            ops.append(self._apply(write, block and block[0]))
            records.update(() if block is None else (block,))
        self.head = Commit(
            did=self.did,
            rev=rev,
            since=last.rev if last else None,
            prev_data=before.cid if last else None,
            ops=tuple(ops),
            block=self._sign(rev),
            nodes=tuple(self._changed(before, ops)),
            records=tuple(records.items()),
        )
        return self.head

    def holds(self, write: Write) -> bool:
        """Whether the write would change nothing: verifiers refuse such an operation."""
        block = write.block()
        return block is not None and mst.get(self.tree, write.path.encode()) == block[0]

    def _apply(self, write: Write, cid: Cid | None) -> Op:
        key = write.path.encode()
        prev = mst.get(self.tree, key)
        if (prev is None) != (write.action == "create") or (cid is None) != (write.action == "delete"):
            msg = f"cannot {write.action} {write.path} in {self.did}: it holds {prev}"
            raise ValueError(msg)
        self.tree = mst.delete(self.tree, key) if cid is None else mst.put(self.tree, key, cid)
        return Op(write.action, write.path, cid, prev)

    def _changed(self, before: mst.Node, ops: Sequence[Op]) -> Iterator[Block]:
        blocks = dict(node.block for node in mst.new_nodes(self.tree, before))
        for op in ops:
            blocks.update(node.block for node in mst.proof(self.tree, op.path.encode()))
        if not ops:
            blocks.update((self.tree.block,))
        yield from blocks.items()

    def _sign(self, rev: str) -> Block:
        unsigned = {"did": self.did, "version": 3, "data": self.tree.cid, "rev": rev, "prev": None}
        signed = {**unsigned, "sig": self.key.sign(dagcbor.encode(unsigned))}
        data = dagcbor.encode(signed)
        return Cid.of(data), data
