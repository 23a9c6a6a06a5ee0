"""A reader of frames and commits for tests, made from cbor2 and the specifications alone."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2

from e2e.relaysim import keys, mst
from e2e.relaysim.cid import Cid

Blocks = dict[Cid, bytes]


def frame(message: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and body. Nothing may follow them."""
    stream = io.BytesIO(message)
    header, body = cbor2.load(stream), cbor2.load(stream)
    assert stream.read() == b""
    return header, body


def cid(tag: Any) -> Cid:
    """The CID in a decoded link."""
    assert isinstance(tag, cbor2.CBORTag)
    assert tag.tag == 42
    assert tag.value[:1] == b"\0"
    return Cid(tag.value[1:])


def car(data: bytes) -> tuple[Cid, Blocks]:
    """Root and blocks of an archive, each of which must hash to its CID."""
    stream = io.BytesIO(data)
    header = cbor2.loads(stream.read(varint(stream)))
    assert header["version"] == 1
    (root,) = header["roots"]
    blocks: Blocks = {}
    while stream.tell() < len(data):
        section = stream.read(varint(stream))
        name, block = Cid(section[:36]), section[36:]
        assert name[:4] == b"\x01\x71\x12\x20"
        assert name[4:] == hashlib.sha256(block).digest()
        blocks[name] = block
    return cid(root), blocks


@dataclass(frozen=True)
class Verified:
    """The verified content of a #commit."""

    did: str
    rev: str
    since: str | None
    data: Cid
    prev_data: Cid | None
    records: Mapping[str, Any]


def commit(body: Mapping[str, Any], did_key: str) -> Verified:
    """Check a #commit as the Sync specification requires: signature, fields, records, inversion of the tree."""
    root, blocks = car(body["blocks"])
    assert root == cid(body["commit"])
    signed = signed_commit(blocks[root], did_key)
    assert (signed["did"], signed["rev"]) == (body["repo"], body["rev"])
    data = cid(signed["data"])
    tree: mst.Node = partial_tree(data, blocks)
    assert tree.cid == data
    records: dict[str, Any] = {}
    for op in reversed(body["ops"]):
        path = op["path"].encode()
        prev = cid(op["prev"]) if op.get("prev") else None
        new = cid(op["cid"]) if op["cid"] else None
        assert (prev is None) == (op["action"] == "create")
        assert (new is None) == (op["action"] == "delete")
        assert prev != new
        assert mst.get(tree, path) == new
        tree = mst.delete(tree, path) if prev is None else mst.put(tree, path, prev)
        if new is not None:
            records[op["path"]] = cbor2.loads(blocks[new])
    prev_data = cid(body["prevData"]) if "prevData" in body else None
    if prev_data is not None:
        assert tree.cid == prev_data
    return Verified(body["repo"], body["rev"], body["since"], data, prev_data, records)


def signed_commit(block: bytes, did_key: str) -> dict[str, Any]:
    """A commit object whose signature is good."""
    signed: dict[str, Any] = cbor2.loads(block)
    unsigned = {key: value for key, value in signed.items() if key != "sig"}
    assert unsigned.keys() == {"did", "version", "data", "rev", "prev"}
    assert unsigned["version"] == 3
    assert keys.verify(did_key, cbor2.dumps(unsigned, canonical=True), signed["sig"])
    return signed


def partial_tree(root: Cid, blocks: Blocks) -> mst.Node:
    """The tree of the nodes in the blocks. A step into any other node fails."""
    node = _node(root, blocks)
    assert node is not None
    return node


class _Absent(mst.Node):
    """A node of which only the CID is known."""

    __slots__ = ("_name",)

    def __init__(self, name: Cid) -> None:
        self._name = name

    @property
    def cid(self) -> Cid:
        return self._name

    def __getattr__(self, name: str) -> Any:
        msg = f"the blocks lack node {self._name}, needed for its {name}"
        raise AssertionError(msg)


def _node(name: Cid, blocks: Blocks, layer: int | None = None) -> mst.Node:
    if name not in blocks:
        return _Absent(name)
    data = cbor2.loads(blocks[name])
    entries = list(_entries(data["e"]))
    if layer is None:
        layer = mst.key_layer(entries[0][0]) if entries else 0
    links = [data["l"], *(right for _, _, right in entries)]
    children = tuple(link and _node(cid(link), blocks, layer - 1) for link in links)
    return mst.Node(layer, tuple(k for k, _, _ in entries), tuple(v for _, v, _ in entries), children)


def _entries(data: list[Any]) -> Iterator[tuple[bytes, Cid, Any]]:
    key = b""
    for entry in data:
        key = key[: entry["p"]] + entry["k"]
        yield key, cid(entry["v"]), entry["t"]


def varint(stream: io.BytesIO) -> int:
    """The next unsigned LEB128 number."""
    number = shift = 0
    while True:
        byte = stream.read(1)[0]
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number
