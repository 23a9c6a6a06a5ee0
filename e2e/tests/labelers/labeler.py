"""One labeler: a WebSocket server that sends the labels behind the client's cursor, and does worse if it is told to."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from e2e.relaysim import frames
from e2e.tests.labelers.labels import Labels

_CHUNK_BYTES: Final = 256 * 1024
_FLOOD_CHUNK: Final = 1000
_PAUSE_SECONDS: Final = 0.002


class Labeler:
    """A labeler on a port of its own. `name` is in its labels."""

    def __init__(self, name: str, *, host: str, context: ssl.SSLContext) -> None:
        self.labels = Labels(name)
        self.port = 0
        self._host = host
        self._context = context
        self._server: Server | None = None
        self._added = asyncio.Event()
        self._flood_ends = 0.0
        self._flood_chunk = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await serve(self._handle, self._host, 0, ssl=self._context, compression=None, ping_interval=None)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    def refuse(self) -> None:
        """Listen no more, and cut all connections."""
        assert self._server
        self._server.close(close_connections=False)
        self.cut()

    def cut(self) -> None:
        """End all connections without a close frame."""
        assert self._server
        for socket in self._server.connections:
            socket.transport.abort()

    def send(self) -> None:
        """Add a label, for all who are connected now or later."""
        self.labels.add()
        self._wake()

    def flood(self, *, seconds: float, large: bool) -> None:
        """Add labels as fast as they are read, for so long at most: small ones, or some of nearly 5 MB."""
        self.labels.begin_flood(large=large)
        self._flood_chunk = 1 if large else _FLOOD_CHUNK
        self._flood_ends = time.monotonic() + seconds
        self._wake()

    def stop_flood(self) -> bool:
        """End a flood. False if it has ended before."""
        was_flooding, self._flood_ends = self._is_flooding, 0.0
        return was_flooding

    @property
    def _is_flooding(self) -> bool:
        return time.monotonic() < self._flood_ends

    def _wake(self) -> None:
        added, self._added = self._added, asyncio.Event()
        added.set()

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = parse_qs(urlsplit(socket.request.path).query)
        position = int(query["cursor"][0]) if "cursor" in query else self.labels.newest
        if position > self.labels.newest:
            await socket.send(frames.error("FutureCursor", "Cursor in the future."))
            return
        sending = asyncio.create_task(self._send_all(socket, position))
        try:
            await socket.wait_closed()
        finally:
            sending.cancel()

    async def _send_all(self, socket: ServerConnection, position: int) -> None:
        while True:
            if position == self.labels.newest and self._is_flooding:
                self.labels.extend(self._flood_chunk)
            added = self._added
            chunk = list(self.labels.messages(position, size=_CHUNK_BYTES))
            if not chunk:
                await added.wait()
                continue
            position += len(chunk)
            # Past the library, which would take more time than the client.
            socket.transport.write(b"".join(chunk))
            await asyncio.sleep(0)
            while socket.transport.get_write_buffer_size() > _CHUNK_BYTES:
                await asyncio.sleep(_PAUSE_SECONDS)
