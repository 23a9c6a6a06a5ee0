"""A reader: the subscription of one client, which receives the notes of a window from a position on."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import WSMsgType, web

from e2e.relaysim import frames, websocket
from e2e.relaysim.cursors import Start
from e2e.relaysim.journal import JournalEntry
from e2e.relaysim.window import Window

_BATCH = 256
_BATCH_BYTES = 256 * 1024
_POLICY_VIOLATION = 1008
_POLL_SECONDS = 0.05
_ENDED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Reader:
    """A client of a stream. ``position`` is that of the note which it is sent next.

    ``on_progress`` is called when it was sent something.
    """

    def __init__(self, window: Window, request: web.Request, start: Start, *, on_progress: Callable[[], None]) -> None:
        self._window = window
        self._request = request
        self._start = start
        self._on_progress = on_progress
        # A limit of 0: each send waits until the socket takes more, for most bytes don't pass through the response.
        self._socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, timeout=2, writer_limit=0)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._ending: tuple[bytes | None, int, str] | None = None
        self.position = start.position
        self.more = asyncio.Event()
        self.left = asyncio.Event()
        self.sent = 0

    @property
    def stalled(self) -> bool:
        """Whether the connection is stalled: it is open, but nothing is sent, and pings get no response."""
        return not self._flowing.is_set()

    @property
    def cursor(self) -> str | None:
        """The cursor that the client asked for; None asks for live events."""
        return self._request.query.get("cursor")

    @property
    def peer(self) -> str:
        """The client's address."""
        return str(self._request.remote)

    async def open(self) -> None:
        """Answer the client's request for a WebSocket."""
        await self._socket.prepare(self._request)

    async def run(self) -> None:
        """Serve the client until it leaves or is disconnected."""
        tasks = {asyncio.create_task(self._send()), asyncio.create_task(self._receive())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> web.WebSocketResponse:
        """Close the connection with the code given to ``end``, or 1000."""
        _, code, reason = self._ending or (None, 1000, "")
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._socket.close(code=code, message=reason.encode())
        self.left.set()
        return self._socket

    def stall(self) -> None:
        """Leave the connection open and do nothing more with it."""
        self._flowing.clear()

    def resume(self) -> None:
        """End a stall."""
        self._flowing.set()

    def abort(self) -> None:
        """Reset the TCP connection, without a WebSocket close."""
        if self._request.transport:
            self._request.transport.abort()

    def cut_in_frame(self) -> None:
        """Disconnect in the middle of a frame."""
        transport = self._request.transport
        if transport:
            transport.write(websocket.head(4096) + frames.header("#commit"))
            transport.close()

    def end(self, message: bytes | None = None, *, code: int = 1000, reason: str = "") -> None:
        """Send one last message, if any, and close properly."""
        self._ending = (message, code, reason)
        self.more.set()

    def skip_to_end(self) -> None:
        """Send nothing of what is in the window now."""
        self.position = self._window.end

    def resend(self, notes: list[JournalEntry]) -> None:
        """Go back to the first of these notes, like a relay that replays what it already sent."""
        if notes:
            self.position = min(self.position, self._window.position(notes[0].seq))
            self.more.set()

    async def _send(self) -> None:
        if self._start.message:
            await self._socket.send_bytes(self._start.message)
        if self._start.fatal:
            self._ending = (None, _POLICY_VIOLATION, "FutureCursor")
            return
        while not self._ending:
            if self.position < self._window.start:
                text = "Stream consumer too slow"
                self.end(frames.error("ConsumerTooSlow", text), code=_POLICY_VIOLATION, reason="ConsumerTooSlow")
            elif self.position == self._window.end:
                self.more.clear()
                await self.more.wait()
            else:
                await self._send_batch()
                self._on_progress()
            await self._flowing.wait()
        if self._ending[0]:
            await self._socket.send_bytes(self._ending[0])

    async def _send_batch(self) -> None:
        """Send the next notes in one write, and wait until the socket takes more."""
        parts: list[bytes] = []
        size = 0
        for note in self._window.slice(self.position, _BATCH):
            payload, text = note.message(), note.event.frame.text
            parts += (websocket.head(len(payload), text=text), payload)
            size += len(payload)
            if size >= _BATCH_BYTES:
                break
        self.position += len(parts) // 2
        self.sent += len(parts) // 2
        transport = self._request.transport
        if transport is None:
            raise ConnectionResetError
        transport.write(b"".join(parts[:-2]))
        if text:
            await self._socket.send_str(payload.decode("utf-8", "replace"))
        else:
            await self._socket.send_bytes(payload)

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in _ENDED:
                break
            if message.type is WSMsgType.PING and not self.stalled:
                await self._socket.pong(message.data)
        while self.stalled and self._connected():
            await asyncio.sleep(_POLL_SECONDS)

    def _connected(self) -> bool:
        transport = self._request.transport
        return transport is not None and not transport.is_closing()
