"""An encoder of DAG-CBOR: definite lengths, shortest heads, sorted map keys, links as tag 42.

cbor2 in canonical mode sorts and shortens in this way. Two things are added here: CIDs, and floats that
are always 64 bits wide. Spec: https://ipld.io/specs/codecs/dag-cbor/spec/
"""

import struct
from typing import Any, Final

import cbor2

from e2e.relaysim.cid import Cid

_LINK: Final = struct.Struct(">BBBBB")
_TAG_42 = (0xD8, 42)
_BYTES_8_BIT_LENGTH = 0x58
_IDENTITY_MULTIBASE = 0x00


def _cid(encoder: cbor2.CBOREncoder, value: Any) -> None:
    head = _LINK.pack(*_TAG_42, _BYTES_8_BIT_LENGTH, len(value) + 1, _IDENTITY_MULTIBASE)
    encoder.write(head + value)


def _float(encoder: cbor2.CBOREncoder, value: Any) -> None:
    encoder.write(struct.pack(">Bd", 0xFB, value))


_ENCODERS: Final = {Cid: _cid, float: _float}


def encode(value: object) -> bytes:
    """The canonical bytes of a value made of dict, list, str, bytes, int, bool, None, float and Cid."""
    return cbor2.dumps(value, canonical=True, encoders=_ENCODERS)
