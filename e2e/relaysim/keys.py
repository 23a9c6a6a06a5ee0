"""Signing keys: ECDSA over k256 and p256, compact low-S signatures, ``did:key``.

Spec: https://atproto.com/specs/cryptography. Signatures are deterministic (RFC 6979), so that one seed
gives the same bytes on every run.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Curve:
    """One of the two curves: its group, the order of the group, and the multicodec prefix of a public key."""

    group: ec.EllipticCurve
    order: int
    prefix: bytes


K256: Final = Curve(ec.SECP256K1(), 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141, b"\xe7\x01")
P256: Final = Curve(ec.SECP256R1(), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, b"\x80\x24")
_ALGORITHM: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def base58(data: bytes) -> str:
    """Base58 with the alphabet of Bitcoin (multibase ``z``, without the prefix)."""
    number = int.from_bytes(data)
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def base58_decode(text: str) -> bytes:
    """The inverse of ``base58``."""
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)


class Key:
    """A private key on one of the two curves."""

    def __init__(self, curve: Curve, secret: int) -> None:
        self._curve = curve
        self._private = ec.derive_private_key(secret, curve.group)
        point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )
        self.did_key = "did:key:z" + base58(curve.prefix + point)

    @classmethod
    def derive(cls, curve: Curve, seed: str) -> "Key":
        """A key that depends on the seed alone."""
        secret = int.from_bytes(hashlib.sha256(seed.encode()).digest())
        return cls(curve, secret % (curve.order - 1) + 1)

    def sign(self, message: bytes) -> bytes:
        """64 bytes: r and s, where s is the lower of the two valid ones."""
        r, s = decode_dss_signature(self._private.sign(message, _ALGORITHM))
        if s > self._curve.order // 2:
            s = self._curve.order - s
        return r.to_bytes(32) + s.to_bytes(32)


def verify(did_key: str, message: bytes, signature: bytes) -> bool:
    """Whether a compact signature by this key is valid; a high S is not."""
    raw = base58_decode(did_key.removeprefix("did:key:z"))
    curve = next((c for c in (K256, P256) if raw.startswith(c.prefix)), None)
    if curve is None or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if s > curve.order // 2:
        return False
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve.group, raw[len(curve.prefix) :])
    try:
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
