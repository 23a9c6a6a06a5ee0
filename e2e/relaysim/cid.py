"""Content identifiers (CIDs) in the one form that AT Protocol allows: CIDv1 with SHA-256.

Spec: https://atproto.com/specs/data-model#link-and-cid-formats
"""

import base64
import hashlib

DAG_CBOR = 0x71
RAW = 0x55
_SHA2_256 = b"\x12\x20"


class Cid(bytes):
    """The 36 binary bytes of a CID; ``str()`` gives the base32 form (``bafy…``)."""

    __slots__ = ()

    @classmethod
    def of(cls, block: bytes, *, codec: int = DAG_CBOR) -> "Cid":
        """The CID of a block's bytes."""
        return cls(bytes((1, codec)) + _SHA2_256 + hashlib.sha256(block).digest())

    @classmethod
    def parse(cls, text: str) -> "Cid":
        """Read the base32 string form; ``ValueError`` for any other multibase."""
        if not text.startswith("b"):
            msg = f"not a base32 CID: {text!r}"
            raise ValueError(msg)
        body = text[1:].upper()
        return cls(base64.b32decode(body + "=" * (-len(body) % 8)))

    def __str__(self) -> str:
        return "b" + base64.b32encode(self).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return f"Cid({self!s})"
