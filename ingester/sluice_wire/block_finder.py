"""Finding one block in a damaged CAR by its CID, without reading the other blocks. Pure.

The bytes of the CID may stand elsewhere too, for example in a tree node. So a place counts only if the length before
the CID fits, and if the SHA-256 of the content is the digest in the CID. That is the proof: the content is the block,
wherever the search found it.
"""

from typing import Final

from sluice_wire.cid import Cid

_MAX_LENGTH_BYTES: Final = 4
"""Bytes of the varint before a CID: blocks up to 256 MiB, which is more than a frame can have."""


class BlockFinder:
    """Searches `data`, which is a CAR, or damaged."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        # A malicious CAR could make the search compute very many hashes.
        self._bytes_to_hash = 4 * len(data)

    def find(self, cid: Cid) -> bytes | None:
        """The block with this CID, verified. None if the search does not find one: a walk may still do."""
        if not cid.is_record:
            return None
        data = self._data
        # The blocks of records usually come after those of the tree, which contain their CIDs as well.
        at = data.rfind(cid)
        while at > 0:
            length = 0
            # The last byte of the length is the highest. More bytes before it may belong to it, or to another block.
            for before in range(at - 1, max(at - 1 - _MAX_LENGTH_BYTES, -1), -1):
                byte = data[before]
                if (byte < 0x80) is not (before == at - 1):
                    break
                length = length << 7 | byte & 0x7F
                if len(cid) <= length <= min(len(data) - at, self._bytes_to_hash):
                    self._bytes_to_hash -= length
                    block = data[at + len(cid) : at + length]
                    if cid.matches(block):
                        return block
            at = data.rfind(cid, 0, at + len(cid) - 1)
        return None
