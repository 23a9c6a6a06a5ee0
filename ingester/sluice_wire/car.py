"""Reading CARv1 archives, which contain the blocks of a commit. Pure.

https://ipld.io/specs/transport/car/carv1/

Blocks may be in any order, unnecessary or repeated. The reader copies nothing: a caller iterates over the blocks, and
uses those that it needs.
"""

from collections.abc import Iterator
from typing import Final

from sluice_wire import dagcbor
from sluice_wire.cid import Cid, end_of_cid
from sluice_wire.varint import read_varint

MAX_BLOCKS: Final = 1 << 16
"""The most blocks in one CAR. A commit with two hundred operations needs some thousands at most."""

_MAX_HEADER: Final = 64 * 1024
_RECORD_CID: Final = b"\x01\x71\x12\x20"
_RECORD_CID_LENGTH: Final = 36


class CarError(ValueError):
    """The bytes are not a complete CARv1."""


def read_roots(car: bytes) -> list[Cid]:
    """The roots in the header. CarError if the header cannot be read."""
    start, end = _header(car)
    try:
        header = dagcbor.decode(car[start:end])
    except ValueError as error:
        raise CarError(f"the CAR's header: {error}") from error
    if type(header) is not dict or header.get("version") != 1:
        raise CarError("the CAR's header names no version 1")
    found = header.get("roots")
    if type(found) is not list or not all(type(root) is Cid for root in found):
        raise CarError("the CAR's header names no list of roots")
    return found


def iter_blocks(car: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The CID and content of each block, unverified, in the order of the container.

    CarError where the container is malformed. The blocks before that remain valid.
    """
    view = memoryview(car)
    size = len(car)
    _, at = _header(car)
    for _ in range(MAX_BLOCKS):
        if at >= size:
            return
        try:
            length, start = read_varint(car, at)
            at = start + length
            if at > size:
                raise ValueError(f"the block at byte {start} ends {at - size} bytes after the CAR")
            if length >= _RECORD_CID_LENGTH and car.startswith(_RECORD_CID, start):
                content = start + _RECORD_CID_LENGTH
            else:
                content = end_of_cid(view[:at], start)
        except ValueError as error:
            raise CarError(f"CAR: {error}") from error
        yield car[start:content], view[content:at]
    if at < size:
        raise CarError(f"a CAR of more than {MAX_BLOCKS} blocks")


def _header(car: bytes) -> tuple[int, int]:
    try:
        length, start = read_varint(car, 0)
    except ValueError as error:
        raise CarError(f"CAR: {error}") from error
    end = start + length
    if not 0 < length <= _MAX_HEADER or end > len(car):
        raise CarError(f"a CAR header of {length} bytes in a CAR of {len(car)}")
    return start, end
