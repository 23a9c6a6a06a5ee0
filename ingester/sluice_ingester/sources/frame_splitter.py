"""Splitting the bytes of a WebSocket connection into frames. Pure.

https://www.rfc-editor.org/rfc/rfc6455#section-5.2

Nearly all that a source sends are whole messages in one binary frame. This module takes their payloads, and leaves
everything else to the WebSocket library: pings, close frames, text, messages in several frames, and all that breaks the
protocol. The library gets whole frames only, in their order, so it keeps its own state.
"""

import sys
from collections import deque
from collections.abc import Callable
from typing import Final

_WHOLE_BINARY_MESSAGE: Final = 0x82
_LENGTH_IN_2_BYTES: Final = 126
_LENGTH_IN_8_BYTES: Final = 127
_MAX_HEADER_BYTES: Final = 10


class FrameSplitter:
    """Splits what a server sends after the handshake.

    Payloads of whole binary messages go to `payloads`. `handle_other` gets each other frame with its header. It returns
    whether the next frame may be a whole message: no if a message in several frames has begun, for example. `max_bytes`
    is the most bytes of a payload. From a frame on that is longer or masked, `handle_other` gets all bytes: the library
    refuses the frame by its header.
    """

    def __init__(self, payloads: deque[bytes], handle_other: Callable[[bytes], bool], *, max_bytes: int) -> None:
        self._payloads = payloads
        self._handle_other = handle_other
        self._max_bytes = max_bytes
        self._partial = bytearray()
        self._missing = 0
        """Bytes of the partial frame that have not arrived, 0 if that is not known."""
        self.partials = 0
        """How many frames so far have arrived in part."""
        self._takes_messages = True
        self._is_refused = False

    @property
    def partial_size(self) -> int:
        """The size of the frame that has arrived in part, 0 if there is none or its size is not known yet."""
        return len(self._partial) + self._missing if self._missing else 0

    def feed(self, data: bytes) -> None:
        """Split `data`, which follows what was fed before."""
        if self._is_refused:
            self._handle_other(data)
            return
        at = 0
        if self._partial:
            at = self._complete_partial(data)
            if at < 0:
                return
        size = len(data)
        payloads = self._payloads
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length >= _LENGTH_IN_2_BYTES:
                length, start = _read_long_length(data, at)
                if length < 0:
                    break
                if length > self._max_bytes:
                    self._is_refused = True
                    self._handle_other(data[at:])
                    return
            end = start + length
            if end > size:
                self._keep(data, at, missing=end - size)
                return
            if data[at] == _WHOLE_BINARY_MESSAGE and self._takes_messages:
                payloads.append(data[start:end])
            else:
                self._takes_messages = self._handle_other(data[at:end])
            at = end
        if at < size:
            self._keep(data, at, missing=0)

    def _keep(self, data: bytes, at: int, *, missing: int) -> None:
        self.partials += 1
        self._partial += memoryview(data)[at:]
        self._missing = missing

    def _complete_partial(self, data: bytes) -> int:
        """Complete the partial frame with the beginning of `data`. Returns where the next one begins, or -1."""
        if not self._missing:  # not even its header is complete
            whole, self._partial = bytes(self._partial) + data, bytearray()
            self.feed(whole)
            return -1
        if len(data) < self._missing:
            self._partial += data
            self._missing -= len(data)
            return -1
        at = self._missing
        self._partial += memoryview(data)[:at]
        whole, self._partial, self._missing = bytes(self._partial), bytearray(), 0
        self.feed(whole)
        return at


def _read_long_length(data: bytes, at: int) -> tuple[int, int]:
    """The length of a payload in more than one byte, and where the payload begins.

    -1 if the header is incomplete. A masked frame has an impossible length, so that it is refused.
    """
    first = data[at + 1]
    if first == _LENGTH_IN_2_BYTES:
        return (data[at + 2] << 8 | data[at + 3], at + 4) if len(data) - at >= 4 else (-1, at)
    if first != _LENGTH_IN_8_BYTES:
        return sys.maxsize, at
    start = at + _MAX_HEADER_BYTES
    return (int.from_bytes(data[at + 2 : start]), start) if len(data) >= start else (-1, at)
