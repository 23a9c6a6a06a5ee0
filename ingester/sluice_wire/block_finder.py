"""Finding one block in a CAR by its CID, without reading the other blocks. Pure.

A search for the bytes of the CID is several times as fast as a walk over all blocks. The bytes may stand elsewhere too,
for example in a tree node. So a place counts only if the length before the CID fits, and if the SHA-256 of the content
is the digest in the CID. That is the proof: the content is the block, wherever the search found it.
"""

import hashlib
from typing import Final

from sluice_wire.cid import Cid

_CID_LENGTH: Final = 36
_MAX_LENGTH_BYTES: Final = 4
"""Bytes of the varint before a CID: blocks up to 256 MiB, which is more than a frame can have."""


class BlockFinder:
    """Searches `data` from `start` to `end`, which is a CAR, or damaged."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._start = start
        self._end = end
        # A malicious CAR could make the search compute very many hashes.
        self._bytes_to_hash = 4 * (end - start)

    def find(self, cid: Cid) -> bytes | None:
        """The block with this CID, verified. None if the search does not find one: a walk may still do."""
        if not cid.is_record:
            return None
        data, start = self._data, self._start
        # The blocks of records usually come after those of the tree, which contain their CIDs as well.
        at = data.rfind(cid, start, self._end)
        while at > start:
            length = 0
            for before in range(at - 1, max(at - 1 - _MAX_LENGTH_BYTES, start - 1), -1):
                byte = data[before]
                if before < at - 1:
                    if byte < 0x80:
                        break
                    byte &= 0x7F
                elif byte >= 0x80:
                    break
                # The last byte is the highest. More bytes before it may belong to the length, or to another block.
                length = length << 7 | byte
                if (block := self._verified(cid, at, length)) is not None:
                    return block
            at = data.rfind(cid, start, at + _CID_LENGTH - 1)
        return None

    def _verified(self, cid: Cid, at: int, length: int) -> bytes | None:
        end = at + length
        if length < _CID_LENGTH or end > self._end or length > self._bytes_to_hash:
            return None
        self._bytes_to_hash -= length
        block = self._data[at + _CID_LENGTH : end]
        return block if hashlib.sha256(block).digest() == cid[4:] else None
