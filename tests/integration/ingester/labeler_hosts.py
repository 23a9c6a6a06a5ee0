"""Many labelers in the test's process, each with its own port. They keep all labels, and answer pings."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import Redis
from websockets.asyncio.server import Server, ServerConnection, serve

from bench.labelers import label_frame
from tests.integration.ingester.labels import stored_labels
from tests.integration.ingester.stored import until

Serve = Callable[[ServerConnection], Awaitable[None]]


class LabelerHost:
    """One labeler. `cursors` are those of all its connections. A label is always sent as it was made.

    `serve` replaces what it does with a connection.
    """

    def __init__(self, serve: Serve | None = None) -> None:
        self.cursors: list[str | None] = []
        self._frames: list[bytes] = []
        self.host = ""
        self._serve = serve or self._send_labels
        self._sent = asyncio.Condition()
        self._server: Server

    @property
    def seq(self) -> int:
        """The seq of the newest label."""
        return len(self._frames)

    @property
    def url(self) -> str:
        return f"ws://{self.host}"

    def entry(self, **variables: str) -> dict[str, str]:
        """Its entry in a source list."""
        return {"INGESTER_MODE": "labeler", "INGESTER_LABELER_HOSTS": self.url, **variables}

    async def start(self) -> None:
        self._server = await serve(self._connected, "127.0.0.1", 0, compression=None, ping_interval=None)
        self.host = f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    async def send(self) -> None:
        """Make a label. All connections send it, now or when they are opened."""
        async with self._sent:
            self._frames.append(label_frame(self.seq + 1, source=self.host))
            self._sent.notify_all()

    async def _connected(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.cursors.append(parse_qs(urlsplit(socket.request.path).query).get("cursor", [None])[0])
        with contextlib.suppress(Exception):
            await self._serve(socket)

    async def _send_labels(self, socket: ServerConnection) -> None:
        at = int(self.cursors[-1] or 0)
        sending = asyncio.create_task(self._send_after(socket, at))
        await socket.wait_closed()
        sending.cancel()

    async def _send_after(self, socket: ServerConnection, at: int) -> None:
        while True:
            for frame in self._frames[at:]:
                await socket.send(frame)
                at += 1
            async with self._sent:
                if at == self.seq:
                    await self._sent.wait()


class LabelerHosts:
    """`number` labelers, while this is entered."""

    def __init__(self, number: int) -> None:
        self.all = [LabelerHost() for _ in range(number)]

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(one.start() for one in self.all))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.gather(*(one.stop() for one in self.all))

    async def send(self, times: int = 1) -> None:
        """Let each make `times` labels."""
        for _ in range(times):
            for one in self.all:
                await one.send()

    async def connected(self, *, times: int = 1) -> None:
        """Wait until each has had a connection."""

        async def are_connected() -> bool:
            return all(len(one.cursors) >= times for one in self.all)

        await until(are_connected)


async def stored_seqs(client: Redis) -> dict[str, list[int]]:
    """The seqs in the stream by source, in the order of the stream."""
    found: dict[str, list[int]] = {}
    for seq, labels in await stored_labels(client):
        found.setdefault(labels[0]["src"].removeprefix("did:web:"), []).append(seq)
    return found


async def until_stored(client: Redis, hosts: list[LabelerHost]) -> None:
    """Wait until all labels of `hosts` are stored, each of them once and in its order."""

    async def are_stored() -> bool:
        found = await stored_seqs(client)
        return all(found.get(one.host, []) == list(range(1, one.seq + 1)) for one in hosts)

    try:
        await until(are_stored)
    except TimeoutError:
        found = await stored_seqs(client)
        wrong: dict[str, Any] = {
            one.host: (found.get(one.host), one.seq)
            for one in hosts
            if found.get(one.host, []) != list(range(1, one.seq + 1))
        }
        raise AssertionError(f"not stored once: {wrong}") from None
