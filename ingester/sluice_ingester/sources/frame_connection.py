"""A WebSocket connection that takes whole binary messages past the library, which handles everything else.

The library creates an object for each frame and wakes its reader for each message. That costs more than TLS and the
kernel together. Here the reader gets all messages that one read of the socket has brought, at once.
"""

import asyncio
import random
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.datastructures import Headers
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Event, State

from sluice_ingester.byte_budget import SHARE_BYTES, ByteBudget, Claim
from sluice_ingester.sources.frame_splitter import FrameSplitter

MAX_FRAME_BYTES: Final = 5 * 1024 * 1024 + 64 * 1024
"""The most bytes of a message: 5 MB by the specification, and some slack."""

_RESPONSE: Final = Response(101, "Switching Protocols", Headers())


class FrameConnection(ClientConnection):
    """A connection whose messages are read with `read_messages`, and not with `recv`.

    `budget` is that of the process. `received` counts the messages, and the grants of claims that they had to wait for.
    """

    def __init__(self, *arguments: Any, budget: ByteBudget, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.received = 0
        self._budget = budget
        self._claim: Claim | None = None
        """For a large frame that has arrived in part."""
        self._claimed = 0
        """The number of that frame, or less than zero for a message in fragments."""
        self._handed_claims: list[Claim] = []
        """For frames that the reader has, or gets with the next messages."""
        self._fragments_size = 0
        self._fragmented = 1
        self._messages: deque[bytes] = deque()
        self._fragments: list[bytes] = []
        self._splitter = FrameSplitter(self._messages, self._handle_other, max_bytes=MAX_FRAME_BYTES)
        self._arrived = asyncio.Event()
        self._is_paused = False
        self._is_given_up = False
        self._ping = b""
        self._handle_pong: Callable[[], None] | None = None

    def forget_headers(self) -> None:
        """Give back the memory of the handshake: some kilobytes, for as long as the connection.

        There must be a response. Otherwise the library takes the next ping or close frame for the response.
        """
        self.request, self.response = None, _RESPONSE

    async def read_messages(self) -> deque[bytes]:
        """Wait for the next messages, and return all that have arrived: at least one.

        ConnectionClosed at the end. ConnectionAbortedError after `give_up`. The socket is not read while messages from
        two reads of it wait here.
        """
        while not self._messages:
            self._release_claims()  # the reader has handled what it had
            if self._is_paused:
                self._is_paused = False
                self._update_reading()
            if not self._is_open:
                await self.close()  # the source may not close its side
                await self.recv(decode=False)  # raises
            self._arrived.clear()
            await self._arrived.wait()
            if self._is_given_up:
                raise ConnectionAbortedError
        messages = self._messages.copy()
        self._messages.clear()
        self.received += len(messages)
        return messages

    def send_ping(self, handle_pong: Callable[[], None]) -> bool:
        """Send a ping, and call `handle_pong` when it is answered. Returns whether the connection is open.

        The method of the library waits until the ping is sent, and makes a future for its answer.
        """
        if not self._is_open:
            return False
        self._ping, self._handle_pong = struct.pack("!I", random.getrandbits(32)), handle_pong
        self.protocol.send_ping(self._ping)
        self.send_data()
        return True

    @property
    def is_starved(self) -> bool:
        """Whether it waits until the budget has room for a large frame."""
        return self._claim is not None and not self._claim.granted

    def pause(self) -> None:
        """Do not read the socket until the next messages are read."""
        if not self._is_paused:
            self._is_paused = True
            self._update_reading()

    def give_up(self) -> None:
        """Let `read_messages` fail."""
        self._is_given_up = True
        self._arrived.set()

    def data_received(self, data: bytes) -> None:
        """Take what one read of the socket has brought. The event loop calls this."""
        if self._messages:
            self.pause()
        if self._is_open:
            self._splitter.feed(data)
        else:
            super().data_received(data)
            if self._is_open:  # the handshake is complete, and frames may follow the response at once
                buffer = self.protocol.reader.buffer
                data = bytes(buffer)
                buffer.clear()
                self._splitter.feed(data)
        self._update_claim()
        if self._messages or not self._is_open:
            self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection. The event loop calls this."""
        super().connection_lost(exc)
        self.release()
        self._arrived.set()

    def process_event(self, event: Event) -> None:
        """Collect the fragments of a message, and handle the answer to a ping. The library calls this."""
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._fragments.append(bytes(event.data))
            self._fragments_size += len(event.data)
            if event.fin:
                self._messages.append(b"".join(self._fragments))
                self._fragments.clear()
                self._fragments_size = 0
                self._fragmented += 1
        elif isinstance(event, Frame) and event.opcode is Opcode.PONG:
            if self._handle_pong is not None and bytes(event.data) == self._ping:
                handle, self._handle_pong = self._handle_pong, None
                handle()
        else:
            super().process_event(event)

    def release(self) -> None:
        """Give back what counts for the budget."""
        self._release_claims()
        if self._claim is not None:
            claim, self._claim = self._claim, None
            self._budget.release(claim)

    def _update_claim(self) -> None:
        """Claim the bytes of a large frame of which only a part has arrived, and wait for them before the rest."""
        if not self._is_open:
            return
        size, number = self._splitter.partial_size, self._splitter.partials
        if self._fragments_size > SHARE_BYTES:  # nobody knows how many fragments will follow
            size, number = MAX_FRAME_BYTES, -self._fragmented
        if self._claim is not None and (size <= SHARE_BYTES or number != self._claimed):
            self._handed_claims.append(self._claim)  # the frame is complete, and its reader gets it next
            self._claim = None
        if self._claim is None and size > SHARE_BYTES:
            self._claim, self._claimed = self._budget.claim(size, self._handle_grant), number
            self._update_reading()

    def _handle_grant(self) -> None:
        self.received += 1
        self._update_reading()

    def _release_claims(self) -> None:
        claims, self._handed_claims = self._handed_claims, []
        for claim in claims:
            self._budget.release(claim)

    def _update_reading(self) -> None:
        if self._is_paused or self.is_starved:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _handle_other(self, data: bytes) -> bool:
        super().data_received(data)
        return self._is_open and self.protocol.current_size is None

    @property
    def _is_open(self) -> bool:
        return self.protocol.state is State.OPEN
