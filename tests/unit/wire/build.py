"""Frames, commits and CARs for tests, made with an encoder that is not under test."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import cbor2

RECEIVED = datetime(2026, 11, 24, 20, 0, 0, 250_999, tzinfo=UTC)
RECEIVED_TEXT = "2026-11-24T20:00:00.250Z"
DID = "did:plc:44ybard66vv44zksje25o7dz"
REV = "3llpyftdf4h2r"
TIME = "2025-04-01T04:01:32.384Z"
POST = {"$type": "app.bsky.feed.post", "text": "hello"}


def cid_of(block: bytes, codec: int = 0x71) -> bytes:
    return bytes([1, codec, 0x12, 0x20]) + hashlib.sha256(block).digest()


def link(cid: bytes) -> cbor2.CBORTag:
    return cbor2.CBORTag(42, b"\0" + cid)


def encode(value: object) -> bytes:
    return cbor2.dumps(value)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def car(blocks: Sequence[tuple[bytes, bytes]], roots: Sequence[bytes] | None = None) -> bytes:
    """A CARv1 of (CID, block) pairs, in this order. Its root is the first CID, unless `roots` are given."""
    named = [cid for cid, _ in blocks[:1]] if roots is None else roots
    header = encode({"roots": [link(root) for root in named], "version": 1})
    sections = (varint(len(cid) + len(block)) + cid + block for cid, block in blocks)
    return varint(len(header)) + header + b"".join(sections)


def blocks_of(*values: object) -> list[tuple[bytes, bytes]]:
    return [(cid_of(block), block) for block in map(encode, values)]


def frame(kind: str, body: Mapping[str, Any]) -> bytes:
    return encode({"t": kind, "op": 1}) + encode(body)


def write(path: str, record: object, action: str = "create") -> dict[str, Any]:
    return {"action": action, "path": path, "cid": link(cid_of(encode(record)))}


def commit(_ops: Sequence[object], _records: Sequence[object] = (), **changes: Any) -> dict[str, Any]:
    """The body of a #commit. Blocks: the commit, then the records. A field set to `...` is removed."""
    blocks = blocks_of({"did": DID, "rev": REV, "version": 3}, *_records)
    body = {
        "seq": 6_322_875_401,
        "rebase": False,
        "tooBig": False,
        "repo": DID,
        "commit": link(blocks[0][0]),
        "rev": REV,
        "since": "3llpx3aem5h2j",
        "blocks": car(blocks),
        "ops": list(_ops),
        "blobs": [],
        "time": TIME,
    }
    return {key: value for key, value in (body | changes).items() if value is not ...}
