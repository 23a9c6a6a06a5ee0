"""Reading the parts of canonical DAG-CBOR at known places. Pure.

Each function gets the bytes and a place in them, and returns where to go on. UnusualError or IndexError says that
something else stands there. Then the strict decoder must read it: `dagcbor`.

mypyc compiles this module: see docs/performance.md. `i64` is an integer of the machine then, and `int` otherwise.
"""

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from sluice_wire.cid import BLOB_PREFIX, RECORD_PREFIX

# The upper three bits of a head; 0 and 1 are integers.
BYTES: Final = 2
TEXT: Final = 3
LIST: Final = 4
MAP: Final = 5

LINK_BYTES: Final = 5  # before the CID
RECORD_LINK: Final = b"\xd8\x2a\x58\x25\x00" + RECORD_PREFIX  # to a record, a tree node or a commit
BLOB_LINK: Final = b"\xd8\x2a\x58\x25\x00" + BLOB_PREFIX
"""The beginning of a link: its digest follows."""


class UnusualError(Exception):
    """The strict path must decode this."""


def read_argument(data: bytes, at: i64) -> tuple[i64, i64]:
    """The argument of the head at `at`, and where the head ends.

    It is a length, a number of items, or an integer. A negative integer is -1 - argument.
    """
    info: i64 = data[at] & 31
    if info < 24:
        return info, at + 1
    width: i64
    least: i64
    if info == 24:
        width, least = 1, 24
    elif info == 25:
        width, least = 2, 1 << 8
    elif info == 26:
        width, least = 4, 1 << 16
    elif info == 27:
        width, least = 8, 1 << 32
    else:
        raise UnusualError
    value = read_number(data, at + 1, width)
    if value < least:
        raise UnusualError
    return value, at + 1 + width


def read_number(data: bytes, at: i64, width: i64) -> i64:
    """The `width` bytes at `at` as a number. UnusualError if it has 64 bits."""
    if width == 8 and data[at] >= 0x80:
        raise UnusualError
    value: i64 = 0
    end: i64 = at + width
    while at < end:
        value = value << 8 | i64(data[at])
        at += 1
    return value


def read_string(data: bytes, at: i64) -> tuple[i64, i64]:
    """Where the text or the bytes whose head is at `at` begin and end."""
    length, start = read_argument(data, at)
    if length > len(data) - start:
        raise UnusualError
    return start, start + length


def read_text(data: bytes, at: i64) -> tuple[i64, i64]:
    """The same for a text. Its characters are not checked."""
    if data[at] >> 5 != TEXT:
        raise UnusualError
    return read_string(data, at)


def expect(data: bytes, at: i64, expected: bytes) -> i64:
    """The end of `expected`, which must stand at `at`."""
    size: i64 = len(expected)
    place: i64 = 0
    while place + 8 <= size:
        if read_i64_le(data, at + place) != read_i64_le(expected, place):
            raise UnusualError
        place += 8
    while place < size:
        if data[at + place] != expected[place]:
            raise UnusualError
        place += 1
    return at + size


def expect_all(data: bytes, at: i64, count: i64, allowed: bytes) -> i64:
    """The end of `count` bytes from `at` on. `allowed` has 256 bytes: 1 for each byte that may stand there."""
    end: i64 = at + count
    while at < end:
        if not allowed[data[at]]:
            raise UnusualError
        at += 1
    return end
