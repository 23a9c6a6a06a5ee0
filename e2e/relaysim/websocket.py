"""Encodes complete WebSocket messages, so that one write sends many of them. Spec: RFC 6455, section 5.2."""

import struct

_FINAL_TEXT = 0x81
_FINAL_BINARY = 0x82
_SHORT = struct.Struct(">BB")
_MEDIUM = struct.Struct(">BBH")
_LONG = struct.Struct(">BBQ")


def head(size: int, *, text: bool = False) -> bytes:
    """What a server sends before a payload of ``size`` bytes: one final frame, not masked."""
    first = _FINAL_TEXT if text else _FINAL_BINARY
    if size < 126:
        return _SHORT.pack(first, size)
    if size < 1 << 16:
        return _MEDIUM.pack(first, 126, size)
    return _LONG.pack(first, 127, size)
