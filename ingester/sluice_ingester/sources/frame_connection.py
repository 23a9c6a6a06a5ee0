"""A WebSocket connection that takes whole binary messages past the library, which handles everything else.

The library creates an object for each frame and wakes its reader for each message. That costs more than TLS and the
kernel together. Here the reader gets all messages that one read of the socket has brought, at once.
"""

import asyncio
from collections import deque
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event, State

from sluice_ingester.sources.frame_splitter import FrameSplitter

MAX_FRAME_BYTES: Final = 5 * 1024 * 1024 + 64 * 1024
"""The most bytes of a message: 5 MB by the specification, and some slack."""


class FrameConnection(ClientConnection):
    """A connection whose messages are read with `read_messages`, and not with `recv`.

    `received` counts the messages.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.received = 0
        self._messages: deque[bytes] = deque()
        self._fragments: list[bytes] = []
        self._splitter = FrameSplitter(self._messages, self._handle_other, max_bytes=MAX_FRAME_BYTES)
        self._arrived = asyncio.Event()
        self._is_paused = False

    async def read_messages(self) -> deque[bytes]:
        """Wait for the next messages, and return all that have arrived: at least one. ConnectionClosed at the end.

        The socket is not read while messages from two reads of it wait here.
        """
        while not self._messages:
            if self._is_paused:
                self._is_paused = False
                self.transport.resume_reading()
            if not self._is_open:
                await self.close()  # the source may not close its side
                await self.recv(decode=False)  # raises
            self._arrived.clear()
            await self._arrived.wait()
        messages = self._messages.copy()
        self._messages.clear()
        self.received += len(messages)
        return messages

    def data_received(self, data: bytes) -> None:
        """Take what one read of the socket has brought. The event loop calls this."""
        if self._messages and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        if self._is_open:
            self._splitter.feed(data)
        else:
            super().data_received(data)
            if self._is_open:  # the handshake is complete, and frames may follow the response at once
                buffer = self.protocol.reader.buffer
                data = bytes(buffer)
                buffer.clear()
                self._splitter.feed(data)
        if self._messages or not self._is_open:
            self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection. The event loop calls this."""
        super().connection_lost(exc)
        self._arrived.set()

    def process_event(self, event: Event) -> None:
        """Collect the fragments of a message. The library calls this."""
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._fragments.append(bytes(event.data))
            if event.fin:
                self._messages.append(b"".join(self._fragments))
                self._fragments.clear()
        else:
            super().process_event(event)

    def _handle_other(self, data: bytes) -> bool:
        super().data_received(data)
        return self._is_open and self.protocol.current_size is None

    @property
    def _is_open(self) -> bool:
        return self.protocol.state is State.OPEN
