"""Finding a block in the CAR of a usual commit. Pure.

https://ipld.io/specs/transport/car/carv1/

`car` and `varint` read every CAR. This module reads only bytes, without memoryviews and generators, so that it can be
compiled to a loop over them.

mypyc compiles this module: see docs/performance.md. `i64` is an integer of the machine then, and `int` otherwise.
"""

from hashlib import sha256
from typing import Final

from mypy_extensions import i64

from sluice_wire.canonical_cbor import UnusualError
from sluice_wire.cid import CID_BYTES, DIGEST_AT

_MAX_LENGTH_BYTES: Final = 3  # of the varint before a block: as many as a usual frame needs


def find_block(data: bytes, at: i64, end: i64, cid: i64) -> bytes:
    """The first block with the CID of 36 bytes at `cid` whose SHA-256 is the digest in the CID.

    The CAR stands from `at` to `end`. UnusualError or IndexError if it has no such block, or is damaged before it.
    """
    length, at = _read_length(data, at)
    at += length
    digest: i64 = cid + DIGEST_AT
    while at < end:
        length, at = _read_length(data, at)
        next_block: i64 = at + length
        if length < CID_BYTES or next_block > end:
            raise UnusualError
        # Most CIDs differ in the first byte of the digest. That is much cheaper to see than a comparison of all bytes.
        if data[at + DIGEST_AT] == data[digest] and data[at : at + CID_BYTES] == data[cid : cid + CID_BYTES]:
            block = data[at + CID_BYTES : next_block]
            if sha256(block).digest() == data[digest : cid + CID_BYTES]:
                return block
        at = next_block
    raise UnusualError


def _read_length(data: bytes, at: i64) -> tuple[i64, i64]:
    """The varint at `at`, and where it ends."""
    length: i64 = 0
    for place in range(_MAX_LENGTH_BYTES):
        byte: i64 = data[at + place]
        length |= (byte & 0x7F) << (7 * i64(place))
        if byte < 0x80:
            return length, at + place + 1
    raise UnusualError
