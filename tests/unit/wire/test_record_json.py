"""The JSON of a record, written from its bytes. `test_fast_commit` compares it with that of the strict path."""

from typing import Any

import pytest

from sluice_wire.canonical_cbor import UnusualError
from sluice_wire.dagcbor import decode
from sluice_wire.datajson import dumps
from sluice_wire.record_json import MAX_DEPTH, record_json
from tests.unit.wire.build import cid_of, link
from tests.unit.wire.random_commits import RawBytes, encode

VALUES = [
    *("", "a", "a" * 23, "a" * 24, "a" * 255, "a" * 256, "a" * 65_536),
    *('"', "\\", "/", "\n\0\x1f", "\x7f", "ü", "日本", "😀", "\u2028", "ü\n"),
    *(0, 9, 10, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53, 2**63 - 1),
    *(-1, -24, -25, -256, -257, -65_537, -(2**32) - 1, -(2**63)),
    *(True, False, None, b"", b"\xff", b"\xff\xfe", b"\xff\xfe\xfd", bytes(300)),
    *([], [[]], [1, "a", None], list(range(23)), list(range(24)), ["a"] * 300),
    *({}, {"": 0}, {"b": 1, "aa": 2, "ab": 3, "ü": 4}, {str(number): number for number in range(300)}),
    *(link(cid_of(b"x")), link(cid_of(b"x", 0x55)), {"$link": "x"}, {"$bytes": 1}),
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_the_json_is_that_of_the_strict_path(value: Any) -> None:
    block = encode({"value": value, "after it": 1})
    assert record_json(block) == dumps(decode(block))


UNUSUAL = [
    *(b"\x18\x17", b"\x19\x00\xff", b"\x1a\x00\x00\xff\xff", b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff"),  # longer heads
    *(b"\x1b\x80" + bytes(7), b"\x3b\x80" + bytes(7)),  # beyond 64 bits
    *(b"\x78\x01a", b"\x98\x01\x00", b"\xb8\x01\x61a\x00"),
    *(b"\xa2\x61b\x00\x61a\x00", b"\xa2\x61a\x00\x61a\x00", b"\xa2\x62aa\x00\x61a\x00", b"\xa1\x00\x00"),  # keys
    *(b"\xf9\x00\x00", b"\xfb" + bytes(8), b"\xf7", b"\xe0", b"\xf8\xff"),
    *(b"\x61\xff", b"\x62\xc3\x28", b"\x63\xed\xa0\x80"),  # no UTF-8
    *(b"\x9f\xff", b"\x7f\xff", b"\x1c", b"\x1f"),
    *(b"\xc0\x00", b"\xd8\x2b\x58\x25" + bytes(37), b"\xd8\x2a\x58\x25\x00\x01\x70\x12\x20" + bytes(32)),
    *(b"", b"\x62a", b"\x5b\x7f" + b"\xff" * 7, b"\x7b\x7f" + b"\xff" * 7, b"\x9b\x7f" + b"\xff" * 7, b"\x82\x00"),
    b"\xd8\x2a\x58\x25\x00\x01\x71\x12\x20" + bytes(31),
    b"\x00\x00",
    b"\x81" * MAX_DEPTH + b"\x00",
]


@pytest.mark.parametrize("value", UNUSUAL, ids=range(len(UNUSUAL)))
def test_anything_else_is_left_to_the_strict_path(value: bytes) -> None:
    with pytest.raises((UnusualError, IndexError, UnicodeDecodeError)):
        record_json(encode({"value": RawBytes(value)}))


@pytest.mark.parametrize("block", [b"", b"\x00", b"\x80", b"\x61a", b"\xf6"])
def test_a_record_is_a_map(block: bytes) -> None:
    with pytest.raises((UnusualError, IndexError)):
        record_json(block)


def test_the_depth_is_limited() -> None:
    for depth in (MAX_DEPTH - 2, MAX_DEPTH - 1):
        assert record_json(encode({"a": RawBytes(b"\x81" * depth + b"\x00")})) == b'{"a":' + b"[" * depth + b"0" + (
            b"]" * depth + b"}"
        )
