"""Finding one block in a damaged CAR by its CID, without reading the other blocks. Pure.

The bytes of the CID may stand elsewhere too, for example in a tree node. So a place counts only if the length before
the CID fits, and if the SHA-256 of the content is the digest in the CID. That is the proof: the content is the block,
wherever the search found it.
"""

from hashlib import sha256
from typing import Final

_CID_BYTES: Final = 36
_DIGEST_AT: Final = 4
_MAX_LENGTH_BYTES: Final = 4
"""Bytes of the varint before a CID: blocks up to 256 MiB, which is more than a frame can have."""


class BlockFinder:
    """Searches `data` from `start` to `end`, which is a CAR, or damaged."""

    __slots__ = ("_bytes_to_hash", "_data", "_end", "_start")

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._start = start
        self._end = end
        # A malicious CAR could make the search compute very many hashes.
        self._bytes_to_hash = 4 * (end - start)

    def find(self, cid: bytes) -> bytes | None:
        """The block with this CID, verified. None if the search does not find one: a walk may still do.

        `cid` is one for which `Cid.is_record` is true.
        """
        data, start, end = self._data, self._start, self._end
        # The blocks of records usually come after those of the tree, which contain their CIDs as well.
        at = data.rfind(cid, start, end)
        while at > start:
            length = 0
            # The last byte of the length is the highest. More bytes before it may belong to it, or to another block.
            for before in range(at - 1, max(at - 1 - _MAX_LENGTH_BYTES, start - 1), -1):
                byte = data[before]
                if (byte < 0x80) is not (before == at - 1):
                    break
                length = length << 7 | byte & 0x7F
                if _CID_BYTES <= length <= min(end - at, self._bytes_to_hash):
                    self._bytes_to_hash -= length
                    block = data[at + _CID_BYTES : at + length]
                    if sha256(block).digest() == cid[_DIGEST_AT:]:
                        return block
            at = data.rfind(cid, start, at + _CID_BYTES - 1)
        return None
