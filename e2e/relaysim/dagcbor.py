"""DAG-CBOR: definite lengths, shortest heads, map keys by length and then by bytes, links as tag 42.

cbor2 in canonical mode sorts and shortens so; what it lacks is added here: CIDs, and floats that are
always 64 bits wide. Spec: https://ipld.io/specs/codecs/dag-cbor/spec/
"""

import struct
from typing import Any, Final

import cbor2

from e2e.relaysim.cid import Cid

_CID_TAG = 42


def _cid(encoder: cbor2.CBOREncoder, value: Any) -> None:
    encoder.encode(cbor2.CBORTag(_CID_TAG, b"\x00" + bytes(value)))


def _float(encoder: cbor2.CBOREncoder, value: Any) -> None:
    encoder.write(struct.pack(">Bd", 0xFB, value))


_ENCODERS: Final = {Cid: _cid, float: _float}


def encode(value: object) -> bytes:
    """The canonical bytes of a value made of dict, list, str, bytes, int, bool, None, float and Cid."""
    return cbor2.dumps(value, canonical=True, encoders=_ENCODERS)


def map_order(key: str) -> tuple[int, bytes]:
    """Sort key of a map's keys: shorter first, then bytewise."""
    raw = key.encode()
    return len(raw), raw


def map_head(size: int) -> bytes:
    """The head of a map of ``size`` (< 24) pairs, for maps that are put together by hand."""
    if not 0 <= size < 24:
        msg = f"a map head of {size} pairs needs more than one byte"
        raise ValueError(msg)
    return bytes((0xA0 | size,))
