"""Timestamp identifiers (TIDs), used as revisions and record keys. Spec: https://atproto.com/specs/tid."""

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_LENGTH = 13


def encode(micros: int, clock_id: int = 0) -> str:
    """The 13 characters for microseconds since the epoch and a 10-bit clock id. They sort as text."""
    number = (micros << 10) | (clock_id & 0x3FF)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
