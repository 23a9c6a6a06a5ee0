"""A source whose WebSocket connections follow a script: frames with any seq and time."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from tests.unit.wire.build import DID, commit, frame, write

Script = Callable[[ServerConnection, str | None, int], Awaitable[None]]
"""Serves one connection. Arguments: the socket, the requested cursor, and the number of the connection from 1."""


def post(seq: int, *, did: str = DID, age: float = 0.0, **changes: Any) -> bytes:
    """A commit of one post, `age` seconds old."""
    record = {"$type": "app.bsky.feed.post", "text": f"post {seq}"}
    ops = [write(f"app.bsky.feed.post/{seq}", record)]
    return frame("#commit", commit(ops, [record], **{"seq": seq, "repo": did, "time": time(age), **changes}))


def time(age: float = 0.0) -> str:
    moment = datetime.now(UTC) - timedelta(seconds=age)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def keep_open(socket: ServerConnection) -> None:
    """Keep the connection open until the client or the test closes it."""
    await socket.wait_closed()


class Scripted:
    """Serves `script` on loopback. `cursors` are the requested cursors of its connections."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._server: Server
        self.cursors: list[str | None] = []
        self.host = ""

    @property
    def url(self) -> str:
        return f"ws://{self.host}"

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, compression=None)
        self.host = f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        cursor = parse_qs(urlsplit(socket.request.path).query).get("cursor", [None])[0]
        self.cursors.append(cursor)
        with contextlib.suppress(Exception):
            await self._script(socket, cursor, len(self.cursors))
