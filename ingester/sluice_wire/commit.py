"""#commit: a repository's changes, one event for each operation.

An operation that can't be used becomes a dead letter of its own; its siblings go on.
"""

from typing import Any, Final

from sluice_wire import datajson, fields
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.deadletter import MAX_PAYLOAD, DeadLetter, InputError, Reason
from sluice_wire.event_stream import Stamp
from sluice_wire.events import Decoded, Kind
from sluice_wire.operation import Operation, read_operation
from sluice_wire.records import find_blocks, read_record
from sluice_wire.salvage import Broken
from sluice_wire.timestamps import credible

MAX_OPS: Final = 2000
"""Ten times what the lexicon allows in one commit."""

MAX_OUTPUT: Final = 8 * 1024 * 1024
"""Bytes of JSON from one commit. Two megabytes of blocks stay far below, unless one large record
stands at many paths, by which a small frame could fill the ingester's memory."""

MAX_DEAD: Final = 16 * MAX_PAYLOAD
"""Bytes of all payloads of one commit's dead letters."""

_BAD: Final = Reason.MESSAGE_INVALID


def decode_commit(body: fields.Fields, stamp: Stamp, *, collections: CollectionFilter) -> Decoded:
    """The events of one #commit. InputError if the message itself can't be used."""
    commit = _Commit(
        {
            "seq": stamp.seq,
            "time": stamp.time,
            "did": fields.did(body, "repo", _BAD),
            "commit": str(fields.link(body, "commit", _BAD)),
            "rev": fields.text(body, "rev", _BAD),
        }
    )
    ops = fields.get(body, "ops")
    if ops is None:
        ops = []
    if type(ops) is not list or len(ops) > MAX_OPS:
        raise InputError(_BAD, f"ops: expected a list of at most {MAX_OPS}")
    if not ops and body.get("tooBig") is True:
        commit.bury(InputError(Reason.BLOCK_MISSING, "too big: the source left the operations out"))
    operations = commit.select(ops, collections)
    commit.emit(operations, fields.get(body, "blocks"))
    return Decoded(
        seq=stamp.seq,
        time=credible(stamp.told),
        events=tuple(commit.events),
        kinds=tuple(commit.kinds),
        filtered=commit.filtered,
        dead=tuple(commit.dead),
    )


class _Commit:
    """Collects what becomes of a commit's operations; `common` is what their events share."""

    def __init__(self, common: dict[str, Any]) -> None:
        self.common = common
        self.events: list[bytes] = []
        self.kinds: list[Kind] = []
        self.filtered = 0
        self.dead: list[DeadLetter] = []
        self._room = MAX_OUTPUT
        self._dead_room = MAX_DEAD

    def select(self, ops: list[object], collections: CollectionFilter) -> list[Operation]:
        selected = []
        for op in ops:
            try:
                operation = read_operation(op, collections)
            except InputError as fault:
                self.bury(fault, known={"op": op}, block=memoryview(op.raw) if isinstance(op, Broken) else None)
                continue
            if operation is None:
                self.filtered += 1
            else:
                selected.append(operation)
        return selected

    def emit(self, operations: list[Operation], container: object) -> None:
        wanted = {operation.cid for operation in operations if operation.cid is not None}
        blocks, absence = find_blocks(container, wanted)
        for operation in operations:
            event = self._event_without_record(operation)
            block = None
            if (cid := operation.cid) is not None and (block := blocks.get(cid)) is None:
                self.bury(absence, operation=operation, known=event)
                continue
            try:
                if cid is not None and block is not None:
                    event["record"] = read_record(bytes(block), cid)
                self._append(operation.action, event)
            except InputError as fault:
                self.bury(fault, operation=operation, known=event, block=block)

    def _event_without_record(self, operation: Operation) -> dict[str, Any]:
        event = {
            "type": operation.action,
            **self.common,
            "collection": operation.collection,
            "rkey": operation.rkey,
        }
        if operation.cid is not None:
            event["cid"] = str(operation.cid)
        return event

    def _append(self, kind: Kind, event: dict[str, Any]) -> None:
        try:
            text = datajson.dumps(event)
        except ValueError as error:
            raise InputError(Reason.RECORD_INVALID, str(error)) from error
        if len(text) > self._room:
            raise InputError(Reason.TOO_LARGE, f"the commit's events exceed {MAX_OUTPUT} bytes")
        self._room -= len(text)
        self.events.append(text)
        self.kinds.append(kind)

    def bury(
        self,
        fault: InputError,
        *,
        operation: Operation | None = None,
        known: dict[str, Any] | None = None,
        block: memoryview | None = None,
    ) -> None:
        payload = datajson.describe(self.common | (known or {})) if block is None else block
        path = f"/{operation.collection}/{operation.rkey}" if operation else ""
        letter = DeadLetter.of(
            fault,
            payload=payload[: self._dead_room],
            seq=self.common["seq"],
            detail=f"at://{self.common['did']}{path}",
        )
        self._dead_room -= len(letter.payload)
        self.dead.append(letter)
