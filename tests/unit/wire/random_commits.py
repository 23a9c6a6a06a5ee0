"""Frames of #commit: a usual one, and random ones that are usual, unusual or damaged."""

import math
import random
import string
import struct
from collections.abc import Callable
from typing import Any

import cbor2

from tests.unit.wire.build import DID, POST, blocks_of, car, cid_of, commit, link

Value = Any
TEXTS = (
    "",
    "a",
    "hello",
    'quote " and \\ and /',
    "line\nbreak\ttab\r",
    "\0",
    "\x1f\x7f",
    "ünï",
    "日本語のポスト",
    "😀👩‍🚀",
    "; \x1b[0m",
    "{[{[" * 9,
)
KEYS = ("$type", "text", "langs", "createdAt", "reply", "embed", "ü", "a", "bb", "", "subject", "z" * 30)


class RawBytes:
    """Bytes that stand as they are in the encoding."""

    def __init__(self, data: bytes) -> None:
        self.data = data


def encode(value: Value) -> bytes:
    """Canonical DAG-CBOR, except where `value` says otherwise."""
    match value:
        case RawBytes():
            return value.data
        case dict():
            items = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
            return _head(5, len(items)) + b"".join(encode(key) + encode(item) for key, item in items)
        case list():
            return _head(4, len(value)) + b"".join(map(encode, value))
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case _:
            return cbor2.dumps(value, canonical=True)


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes([major << 5 | count])
    width = next(width for width in (1, 2, 4) if count < 1 << 8 * width)
    return bytes([major << 5 | 24 + width.bit_length() - 1]) + count.to_bytes(width)


def _usual_value(chance: random.Random, depth: int = 0) -> Value:  # noqa: PLR0911
    match chance.randrange(10 if depth < 4 else 7):
        case 0 | 1:
            return chance.choice(TEXTS)
        case 2:
            return chance.choice((0, 1, 23, 24, 255, 256, 65_536, 1 << 32, (1 << 63) - 1, -1, -24, -25, -(1 << 63)))
        case 3:
            return chance.choice((True, False, None))
        case 4:
            return chance.randbytes(chance.choice((0, 1, 2, 3, 64)))
        case 5:
            return link(cid_of(chance.randbytes(8), chance.choice((0x71, 0x55))))
        case 6:
            return "".join(chance.choices(string.printable, k=chance.randrange(60)))
        case 7:
            return [_usual_value(chance, depth + 1) for _ in range(chance.randrange(4))]
        case _:
            return {key: _usual_value(chance, depth + 1) for key in chance.sample(KEYS, chance.randrange(5))}


def _nested(chance: random.Random) -> Value:
    depth = chance.choice((30, 90, 120, 127, 128, 129, 200, 250, 251, 252, 253, 254, 255, 256, 257, 300, 1500))
    return RawBytes(chance.choice((b"\x81", b"\xa1\x61a")) * depth + b"\x01")


UNUSUAL_VALUES: tuple[Callable[[random.Random], Value], ...] = (
    lambda chance: chance.choice((0.0, -0.0, 1.5, 1e16, 1e-7, 123456789.125, 5e-324, 1.7976931348623157e308)),
    lambda chance: chance.choice((math.nan, math.inf, -math.inf)),
    lambda _: RawBytes(b"\xf9\x3c\x00"),
    lambda _: RawBytes(b"\xfa\x3f\x80\x00\x00"),
    lambda chance: chance.choice((1 << 63, (1 << 64) - 1, -(1 << 63) - 1, -(1 << 64))),
    lambda chance: chance.choice((1 << 64, -(1 << 64) - 1, 1 << 80)),
    lambda _: RawBytes(b"\x1b" + bytes(7) + b"\x05"),
    lambda _: RawBytes(b"\x18\x05"),
    lambda _: RawBytes(b"\xc0\x61x"),
    lambda _: RawBytes(b"\xd8\x2a\x61x"),
    lambda _: RawBytes(b"\xd8\x2a\x41\x00"),
    lambda _: RawBytes(b"\xd8\x2a\x58\x23\x00\x12\x20" + bytes(32)),  # CIDv0
    lambda _: RawBytes(b"\xd8\x2a\x58\x25\x01\x01\x71\x12\x20" + bytes(32)),
    lambda _: RawBytes(b"\xd8\x2a\x58\x45\x00\x01\x71\x13\x40" + bytes(64)),  # SHA-512
    lambda _: RawBytes(b"\xd8\x2a\x58\x25\x00\x01\x70\x12\x20" + bytes(32)),
    lambda _: RawBytes(b"\xd9\x00\x2a\x58\x25\x00\x01\x71\x12\x20" + bytes(32)),
    lambda _: b"\xd8\x2a" + bytes(9),
    lambda _: RawBytes(b"\xa2\x61b\x01\x61a\x02"),
    lambda _: RawBytes(b"\xa2\x61a\x01\x61a\x02"),
    lambda _: RawBytes(b"\xa1\x01\x02"),
    lambda _: RawBytes(b"\xa1\x41a\x02"),
    lambda _: RawBytes(b"\x62\xff\xff"),
    lambda _: RawBytes(b"\x63\xed\xa0\x80"),
    lambda _: RawBytes(b"\xf7"),
    lambda _: RawBytes(b"\xe5"),
    lambda _: RawBytes(b"\x9f\x01\xff"),
    lambda _: RawBytes(b"\x7f\x61a\xff"),
    lambda chance: {chance.choice(("$link", "$bytes")): chance.choice(TEXTS)},
    lambda chance: [chance.randrange(5)] * chance.choice((23, 24, 255, 256, 300)),
    lambda _: RawBytes(b"\x99\x07\xd0" * 300 + b"\x01"),
    lambda _: RawBytes(b"\x99\x01\x00" + b"\x00" * 256),
    lambda chance: "x" * chance.choice((250, 1500, 2500, 9000, 17_000)),
    lambda chance: "fblocksY" + chance.choice(("", "\x01\x02", "\0\0")),
    lambda chance: {"blocks": chance.choice((b"", b"x", "y"))},
    _nested,
)


def _record(chance: random.Random, *, unusual: bool) -> Value:
    record = {"$type": "app.bsky.feed.post", **{key: _usual_value(chance) for key in chance.sample(KEYS[1:], 4)}}
    if unusual:
        if chance.random() < 0.1:
            return chance.choice(UNUSUAL_VALUES)(chance)
        record[chance.choice(KEYS[1:])] = chance.choice(UNUSUAL_VALUES)(chance)
    return record


def _container(chance: random.Random, blocks: list[tuple[bytes, bytes]], *, unusual: bool) -> bytes:
    nodes = [(cid, b"\xa1\x61e" + encode(link(cid)) + chance.randbytes(chance.randrange(200))) for cid, _ in blocks]
    nodes = [(cid_of(node), node) for _, node in nodes]
    order = [*nodes, *blocks] if chance.random() < 0.8 else [*blocks, *nodes]
    if not unusual:
        return car(order)
    match chance.randrange(7):
        case 0:
            chance.shuffle(order)
        case 1:
            cid, block = chance.choice(blocks)
            order.insert(chance.randrange(len(order)), (cid, block + b"x"))
        case 2:
            order.append(chance.choice(order))
        case 3:
            order = [entry for entry in order if entry != blocks[0]]
        case 4:
            container = bytearray(car(order))
            container[chance.randrange(len(container))] ^= 1 << chance.randrange(8)
            return bytes(container)
        case 5:
            container = bytearray(car(order))
            return bytes(container[: chance.randrange(len(container))])
    return car(order)


UNUSUAL_FIELDS: tuple[Callable[[random.Random, dict[str, Value]], object], ...] = (
    lambda chance, body: body.update(seq=chance.choice((0, -1, 1 << 53, (1 << 53) - 1, 1.0, "1", None, True))),
    lambda chance, body: body.update(
        time=chance.choice(
            (
                "2025-04-01T04:01:32Z",
                "2019-04-01T04:01:32.384Z",
                "2025-13-01T04:01:32.384Z",
                "0000-01-01T00:00:00.000Z",
                "2025-04-01T04:01:32.384999+02:00",
                "now",
                None,
                5,
            )
        )
    ),
    lambda chance, body: body.update(repo=chance.choice(("did:plc:x", "did:PLC:x", "x", "did:web:a%3Ab:", None, 5))),
    lambda chance, body: body.update(rev=chance.choice(("", None, 7, "r", "ü\0"))),
    lambda chance, body: body.update(
        commit=chance.choice((None, cid_of(b"x"), link(cid_of(b"x", 0x55)), link(b"\x01\x71\x13\x40" + bytes(64))))
    ),
    lambda chance, body: body.update(ops=chance.choice(([], None, {}, [5], [{}], "x"))),
    lambda chance, body: body["ops"][0].update(
        path=chance.choice(("", "a", "a/", "/b", "a/b/c", "app.bsky.feed.post/\0", "com.example.x/ü", 5, b"a/b"))
    ),
    lambda chance, body: body["ops"][0].update(action=chance.choice(("delete", "create", "merge", None, ["create"]))),
    lambda chance, body: body["ops"][0].update(
        cid=chance.choice((None, cid_of(b"x"), link(cid_of(b"x")), link(cid_of(b"x", 0x55)), "x"))
    ),
    lambda chance, body: body.pop(chance.choice(sorted(body))),
    lambda chance, body: body["ops"][0].pop(chance.choice(sorted(body["ops"][0]))),
    lambda chance, body: body.update({chance.choice((*KEYS, "prevData")): chance.choice(UNUSUAL_VALUES)(chance)}),
    lambda chance, body: body["ops"][0].update({chance.choice(KEYS): chance.choice(UNUSUAL_VALUES)(chance)}),
    lambda chance, body: body.update(blocks=chance.choice((None, b"", b"x", "x", chance.randbytes(300)))),
    lambda _, body: body.update(ops=body["ops"] * 40),
    lambda _, body: body.update(tooBig=True),
)

HEADERS = (b"\xa2\x61t\x67#commit\x62op\x01", b"\xa2\x62op\x01\x61t\x67#commit")
UNUSUAL_HEADERS = (
    b"\xa2\x61t\x68#account\x62op\x01",
    b"\xa2\x61t\x67#commit\x62op\x20",
    b"\xa1\x61t\x67#commit",
    b"\xa2\x61t\x78\x28com.atproto.sync.subscribeRepos#commit\x62op\x01",
    b"\xbf\x61t\x67#commit\x62op\x01\xff",
    b"",
)


def usual_frame(record: Value = POST, **changes: Value) -> bytes:
    """A commit that creates `record`. It takes the fast path, if `changes` do not prevent that."""
    block = encode(record)
    op = {"action": "create", "path": "app.bsky.feed.post/3l", "cid": link(cid_of(block))}
    blocks = [*blocks_of({"node": bytes(300)}), (cid_of(block), block)]
    return HEADERS[0] + encode(commit([op], **({"blocks": car(blocks)} | changes)))


def random_frame(chance: random.Random) -> bytes:
    """A frame: two in three are usual."""
    unusual = chance.randrange(6) if chance.random() < 0.35 else -1
    records = [_record(chance, unusual=unusual == 0) for _ in range(chance.choice((1, 1, 1, 1, 2, 3)))]
    encoded = [encode(record) for record in records]
    blocks = [*blocks_of({"did": DID, "version": 3}), *((cid_of(block), block) for block in encoded)]
    ops = []
    for number, block in enumerate(encoded):
        path = chance.choice(("app.bsky.feed.post", "app.bsky.feed.like", "com.example.x")) + f"/3l{number}"
        if chance.random() < 0.1:
            ops.append({"action": "delete", "path": path, "cid": None, "prev": link(cid_of(block))})
        else:
            ops.append({"action": chance.choice(("create", "update")), "path": path, "cid": link(cid_of(block))})
    body: dict[str, Value] = {
        "seq": chance.randrange(1, 1 << 40),
        "rebase": False,
        "tooBig": False,
        "repo": DID,
        "commit": link(blocks[0][0]),
        "rev": "3llpyftdf4h2r",
        "since": chance.choice((None, "3llpx3aem5h2j")),
        "blocks": _container(chance, blocks, unusual=unusual == 1),
        "ops": ops,
        "blobs": [],
        "time": "2025-04-01T04:01:32.384Z",
        "prevData": link(cid_of(b"before")),
    }
    if unusual in (2, 3):
        for _ in range(chance.randrange(1, 3)):
            if (
                isinstance(body.get("ops"), list)
                and body["ops"]
                and isinstance(body["ops"][0], dict)
                and body["ops"][0]
            ):
                chance.choice(UNUSUAL_FIELDS)(chance, body)
    frame = chance.choice(UNUSUAL_HEADERS if unusual == 4 and chance.random() < 0.3 else HEADERS) + encode(body)
    return _damaged(frame, chance) if unusual in (4, 5) else frame


def _damaged(frame: bytes, chance: random.Random) -> bytes:
    data = bytearray(frame)
    for _ in range(chance.choice((1, 1, 2, 5))):
        # The structure is at both ends, around the blocks.
        at = chance.randrange(min(len(data), chance.choice((200, 700, 1 << 20))) or 1)
        match chance.randrange(7):
            case 0 | 1:
                data[at : at + 1] = bytes([(data[at] if data else 0) ^ 1 << chance.randrange(8)])
            case 2:
                data[at:at] = chance.randbytes(chance.randrange(1, 4))
            case 3:
                del data[at : at + chance.randrange(1, 4)]
            case 4:
                del data[at:]
            case 5:
                other = chance.randrange(len(data) or 1)
                size = chance.randrange(40)
                data[at : at + size], data[other : other + size] = data[other : other + size], data[at : at + size]
            case 6:
                data += chance.randbytes(3)
    return bytes(data)
