"""Content identifiers (CIDs): binary form, text form, and verification of a block.

AT Protocol uses two kinds of CIDv1: DAG-CBOR with SHA-256 for records, tree nodes and commits, and raw with SHA-256 for
blobs. A record may link to other kinds. So every CIDv1 up to a maximum length can be read and written here, but only
SHA-256 can be verified.
"""

import base64
import hashlib
from typing import Final

from sluice_wire.varint import read_varint

MAX_LENGTH: Final = 128
"""Bytes of the longest binary CID that is accepted. One with SHA-512 has 68."""

RECORD_PREFIX: Final = b"\x01\x71\x12\x20"  # CIDv1, DAG-CBOR, SHA-256, 32 bytes
BLOB_PREFIX: Final = b"\x01\x55\x12\x20"  # CIDv1, raw, SHA-256, 32 bytes
DIGEST_AT: Final = 4
CID_BYTES: Final = 36
"""Of the two kinds that AT Protocol uses. Their digest stands at DIGEST_AT."""

BASE32_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz234567"
_BLESSED: Final = (RECORD_PREFIX, BLOB_PREFIX)


class Cid(bytes):
    """A CIDv1 in its binary form. `str()` gives its text: base32 in lower case ("bafyrei…")."""

    __slots__ = ()

    @classmethod
    def parse(cls, data: bytes) -> "Cid":
        """The CID that is exactly `data`. ValueError if it is not one."""
        if len(data) == CID_BYTES and data.startswith(_BLESSED):
            return cls(data)
        if len(data) > MAX_LENGTH:
            raise ValueError(f"a CID of {len(data)} bytes; {MAX_LENGTH} are the most that is read")
        end = end_of_cid(data, 0)
        if end != len(data):
            raise ValueError(f"{len(data) - end} bytes follow the CID")
        return cls(data)

    @property
    def is_record(self) -> bool:
        """Whether this is the kind of CID that records have. `matches` can verify no other kind."""
        return len(self) == CID_BYTES and self.startswith(RECORD_PREFIX)

    def matches(self, block: bytes | memoryview) -> bool:
        """Whether `block` has this CID: its SHA-256 is the CID's digest."""
        return self.is_record and hashlib.sha256(block).digest() == self[DIGEST_AT:]

    def __str__(self) -> str:
        if len(self) == CID_BYTES:
            return _base32_of_36(self)
        return "b" + base64.b32encode(self).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return f"Cid({self})"


def end_of_cid(data: bytes | memoryview, start: int) -> int:
    """The end of the CIDv1 that begins at `start`. ValueError if there is none, or it is incomplete."""
    version, at = read_varint(data, start)
    if version != 1:
        raise ValueError(f"not a CIDv1: it begins with {version}")
    _codec, at = read_varint(data, at)
    _hash, at = read_varint(data, at)
    length, at = read_varint(data, at)
    end = at + length
    if end - start > MAX_LENGTH:
        raise ValueError(f"a CID of {end - start} bytes; {MAX_LENGTH} are the most that is read")
    if end > len(data):
        raise ValueError("the CID is cut short")
    return end


_LETTERS: Final = BASE32_LETTERS + bytes(256 - len(BASE32_LETTERS))


def _spreading_steps() -> list[tuple[int, int, int]]:
    """Masks and shifts that spread 64 groups of 5 bits over 64 bytes, halving the groups each time."""
    steps = []
    groups = 64
    while groups > 1:
        half = groups // 2
        field = (1 << 5 * half) - 1
        low = sum(field << 8 * groups * i for i in range(64 // groups))
        steps.append((low, low << 5 * half, 3 * half))
        groups = half
    return steps


_STEPS: Final = _spreading_steps()


def _base32_of_36(cid: bytes) -> str:
    # Every event has several CIDs, and base64.b32encode takes four times as long, because it loops over the bytes. This
    # handles all groups at once, inside one large integer.
    bits = int.from_bytes(cid) << 32
    for low, high, shift in _STEPS:
        bits = (bits & low) | (bits & high) << shift
    return "b" + bits.to_bytes(64).translate(_LETTERS)[:58].decode()
