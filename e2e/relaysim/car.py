"""An encoder of CARv1 archives, which are the ``blocks`` of a commit.

Spec: https://ipld.io/specs/transport/car/carv1/
"""

from collections.abc import Iterable

from e2e.relaysim import dagcbor
from e2e.relaysim.cid import Cid

Block = tuple[Cid, bytes]


def varint(number: int) -> bytes:
    """Unsigned LEB128."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(root: Cid, blocks: Iterable[Block]) -> bytes:
    """An archive with one root and the blocks in the given order."""
    header = dagcbor.encode({"version": 1, "roots": [root]})
    parts = [varint(len(header)), header]
    for cid, data in blocks:
        parts += (varint(len(cid) + len(data)), cid, data)
    return b"".join(parts)
