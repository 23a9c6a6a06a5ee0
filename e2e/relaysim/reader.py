"""One subscription: what a client that connected is sent, and the ways in which that can go wrong."""

import asyncio
import contextlib

from aiohttp import WSMsgType, web

from e2e.relaysim import frames
from e2e.relaysim.feed import Feed
from e2e.relaysim.window import Entry, Start

_BATCH = 32
_POLICY = 1008
_POLL = 0.05
_ENDED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Reader:
    """A client of a feed. ``position`` is what it is sent next."""

    def __init__(self, feed: Feed, request: web.Request, start: Start) -> None:
        self._feed = feed
        self._request = request
        self._start = start
        self._socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, timeout=2)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._ending: tuple[bytes | None, int, str] | None = None
        self.position = start.position
        self.more = asyncio.Event()
        self.left = asyncio.Event()
        self.sent = 0

    @property
    def stalled(self) -> bool:
        """Whether the connection is open but dead: nothing is sent, no ping answered."""
        return not self._flowing.is_set()

    @property
    def cursor(self) -> str | None:
        """The cursor that it asked for; None asks for what is live."""
        return self._request.query.get("cursor")

    @property
    def peer(self) -> str:
        """The client's address."""
        return str(self._request.remote)

    async def run(self) -> web.WebSocketResponse:
        """Serve the client until it leaves or is thrown out."""
        await self._socket.prepare(self._request)
        self._feed.readers.add(self)
        self._feed.changed()
        tasks = {asyncio.create_task(self._send()), asyncio.create_task(self._receive())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._feed.readers.discard(self)
            self._feed.changed()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()
            self.left.set()
        return self._socket

    def stall(self) -> None:
        """Leave the connection open and do nothing more with it."""
        self._flowing.clear()

    def resume(self) -> None:
        """End a stall."""
        self._flowing.set()

    def abort(self) -> None:
        """Drop the connection: a reset, without a WebSocket close."""
        if self._request.transport:
            self._request.transport.abort()

    def cut_in_frame(self) -> None:
        """Drop the connection in the middle of a frame."""
        transport = self._request.transport
        if transport:
            transport.write(b"\x82\x7e\x10\x00" + frames.header("#commit"))
            transport.close()

    def end(self, message: bytes | None = None, *, code: int = 1000, reason: str = "") -> None:
        """Send one last message, if any, and close properly."""
        self._ending = (message, code, reason)
        self.more.set()

    def catch_up(self) -> None:
        """Forget what wasn't sent yet."""
        self.position = self._feed.window.end

    def resend(self, entries: list[Entry]) -> None:
        """Go back to the first of these entries, as a relay does that replays what it already sent."""
        if entries:
            self.position = min(self.position, self._feed.window.position(entries[0].seq))
            self.more.set()

    async def _send(self) -> None:
        if self._start.message:
            await self._socket.send_bytes(self._start.message)
        if self._start.fatal:
            self._ending = (None, _POLICY, "FutureCursor")
            return
        window = self._feed.window
        while not self._ending:
            if self.position < window.start:
                text = "Stream consumer too slow"
                self.end(frames.error("ConsumerTooSlow", text), code=_POLICY, reason="ConsumerTooSlow")
                break
            at, batch = self.position, window.slice(self.position, _BATCH)
            for entry in batch:
                await self._flowing.wait()
                if self._ending or self.position != at:
                    break
                await self._send_entry(entry)
                at += 1
            if batch:
                self._feed.changed()
            else:
                self.more.clear()
                await self.more.wait()
        if self._ending and self._ending[0]:
            await self._socket.send_bytes(self._ending[0])

    async def _send_entry(self, entry: Entry) -> None:
        self.position += 1
        self.sent += 1
        message = entry.message()
        if entry.event.frame.text:
            await self._socket.send_str(message.decode("utf-8", "replace"))
        else:
            await self._socket.send_bytes(message)

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in _ENDED:
                break
            if message.type is WSMsgType.PING and not self.stalled:
                await self._socket.pong(message.data)
        while self.stalled and self._connected():
            await asyncio.sleep(_POLL)

    def _connected(self) -> bool:
        transport = self._request.transport
        return transport is not None and not transport.is_closing()

    async def _close(self) -> None:
        _, code, reason = self._ending or (None, 1000, "")
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._socket.close(code=code, message=reason.encode())
