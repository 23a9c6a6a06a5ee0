"""Unsigned varints (LEB128) of CARs and CIDs, with a maximum length."""

from typing import Final

_MAX_BYTES: Final = 9  # the limit of multiformats: 63 bits


def read_varint(data: bytes | memoryview, start: int) -> tuple[int, int]:
    """The varint that begins at `start`, and its end. ValueError if it is incomplete or too long."""
    value = shift = 0
    for at in range(start, min(start + _MAX_BYTES, len(data))):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
    if len(data) - start < _MAX_BYTES:
        raise ValueError("a varint is cut short")
    raise ValueError(f"a varint of more than {_MAX_BYTES} bytes")
