"""WebSocket connections to sources: what ends them, what does not, and the reported failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve
from websockets.utils import accept_key

from e2e.relaysim.sim import RelaySim
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.failure import SourceError, SourceFailure
from sluice_ingester.sources.frame_connection import MAX_FRAME_BYTES
from sluice_ingester.sources.subscription import Deadlines, FrameStream, Subscription
from tests.integration.ports import free_port

QUICK = Deadlines(open=60.0, ping_interval=0.2, ping=60.0, close=0.5)
"""Deadlines with many pings, long enough for a busy machine."""
PATIENT_FOR = 5.0
"""Seconds without an answer. The simulator shares this process, so it may answer late on a busy machine."""
IMPATIENT = Deadlines(open=60.0, ping_interval=0.2, ping=PATIENT_FOR, close=0.5)
"""Deadlines for sources that do not answer any more."""


def subscription(url: str, deadlines: Deadlines = QUICK) -> Subscription:
    return Subscription(
        Address.parse(url),
        nsid="com.atproto.sync.subscribeRepos",
        user_agent="sluice/test",
        tls=None,
        deadlines=deadlines,
    )


async def one_by_one(stream: FrameStream) -> AsyncIterator[bytes]:
    async for frames in stream:
        for frame in frames:
            yield frame


@asynccontextmanager
async def opened(
    url: str, deadlines: Deadlines = QUICK, *, cursor: str | None = "0"
) -> AsyncIterator[AsyncIterator[bytes]]:
    async with subscription(url, deadlines).open(cursor=cursor) as stream:
        yield one_by_one(stream)


async def end_of(frames: AsyncIterator[bytes]) -> SourceFailure:
    with pytest.raises(SourceError) as caught:
        async for _ in frames:
            pass
    return caught.value.failure


async def failure_to_open(url: str, deadlines: Deadlines = QUICK) -> SourceFailure:
    with pytest.raises(SourceError) as caught:
        async with subscription(url, deadlines).open(cursor="0"):
            pass
    return caught.value.failure


@asynccontextmanager
async def served(handler: Any) -> AsyncIterator[str]:
    """The URL of a server with this handler."""
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_quiet_source_stays_connected() -> None:
    async with RelaySim(paused=True) as sim, opened(sim.url, cursor=None) as frames:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):  # twelve pings, no event
                await anext(frames)
        assert len(sim.repos.readers) == 1


async def test_a_source_that_answers_no_ping_is_disconnected() -> None:
    async with RelaySim(paused=True, prefill=5) as sim, opened(sim.url, IMPATIENT) as frames:
        for _ in range(5):
            await anext(frames)
        sim.fault("stall")
        async with asyncio.timeout(60):
            assert (await end_of(frames)).kind == "PingTimeout"


async def test_pings_of_a_source_are_answered() -> None:
    async def send_after_pings(socket: ServerConnection) -> None:
        for _ in range(3):
            await (await socket.ping())
        await socket.send(b"after pings")
        await socket.wait_closed()

    async with serve(send_after_pings, "127.0.0.1", 0, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with opened(f"ws://127.0.0.1:{port}") as frames, asyncio.timeout(60):
            assert await anext(frames) == b"after pings"


async def test_a_slow_reader_does_not_end_the_connection() -> None:
    """The pong waits behind frames that the ingester has not read, so a late pong is not the source's fault."""
    sim = RelaySim(rate=2000, corpus=500, window=50_000)
    async with sim, opened(sim.url, IMPATIENT) as frames:
        await anext(frames)
        await asyncio.sleep(2 * PATIENT_FOR)
        for _ in range(500):
            await anext(frames)


@pytest.mark.parametrize(
    ("how", "kind"), [("abort", "ConnectionLost"), ("in-frame", "ConnectionLost"), ("close", "Closed")]
)
async def test_the_end_of_a_connection(how: str, kind: str) -> None:
    async with RelaySim(paused=True, prefill=5) as sim, opened(sim.url) as frames:
        await anext(frames)
        sim.fault("cut", how=how)
        assert (await end_of(frames)).kind == kind


async def test_a_source_that_says_goodbye_and_does_not_hang_up() -> None:
    kept: list[asyncio.StreamWriter] = []  # a writer without a reference closes its connection

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
            b"\x82\x05frame\x88\x0f\x03\xe9going too far"
        )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, opened(url, replace(QUICK, ping_interval=600.0)) as frames:
        assert await anext(frames) == b"frame"
        async with asyncio.timeout(60):
            failure = await end_of(frames)
        assert (failure.kind, "1001 (going too far)" in failure.message) == ("Closed", True)
        for writer in kept:
            writer.close()


async def test_a_frame_above_the_limit() -> None:
    async def handler(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(bytes(MAX_FRAME_BYTES))
        await socket.send_bytes(bytes(MAX_FRAME_BYTES + 1))
        await socket.receive()
        return socket

    async with served(handler) as url, opened(url) as frames:
        assert len(await anext(frames)) == MAX_FRAME_BYTES
        failure = await end_of(frames)
        assert (failure.kind, "set the cursor beyond it" in failure.message) == ("FrameTooLarge", True)


@pytest.mark.parametrize(
    ("refusal", "kind", "wait"),
    [
        ({"status": 429, "retry_after": "7"}, "Http429", 7.0),
        ({"status": 503, "retry_after": "99999"}, "Http503", 600.0),
        ({"status": 503, "html": True}, "Http503", 0.0),
        ({"status": 500, "retry_after": "7"}, "Http500", 0.0),
        ({"status": 501}, "Http501", 60.0),
        ({"status": 404}, "Http404", 0.0),
    ],
)
async def test_refusals(refusal: dict[str, Any], kind: str, wait: float) -> None:
    async with RelaySim(paused=True) as sim:
        sim.fault("refuse", **refusal)
        failure = await failure_to_open(sim.url)
        assert (failure.kind, failure.min_delay) == (kind, wait)
        assert f"answered {refusal['status']}" in failure.message


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_redirect_is_followed(scheme: str) -> None:
    async with RelaySim(paused=True, prefill=1) as sim:
        place = f"{scheme}://{sim.host}/xrpc/com.atproto.sync.subscribeRepos?cursor=0"
        sim.fault("refuse", status=302, location=place)
        async with opened(sim.url) as frames:
            assert await anext(frames)


async def test_the_request() -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(
            (request.path_qs, request.headers.get("User-Agent"), request.headers.get("Sec-WebSocket-Extensions"))
        )
        return web.Response(status=500)

    async with served(handler) as url:
        for cursor in ("6322875401", None):
            with pytest.raises(SourceError):
                async with subscription(url).open(cursor=cursor):
                    pass
    path = "/xrpc/com.atproto.sync.subscribeRepos"
    assert seen == [(f"{path}?cursor=6322875401", "sluice/test", None), (path, "sluice/test", None)]


async def test_a_server_without_websocket() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    async with served(handler) as url:
        assert (await failure_to_open(url)).kind == "Http200"


async def test_a_refused_connection() -> None:
    failure = await failure_to_open(f"ws://127.0.0.1:{free_port()}")
    assert (failure.kind, "no connection to 127.0.0.1:" in failure.message) == ("ConnectFailed", True)


async def test_an_unknown_host_name() -> None:
    failure = await failure_to_open("ws://nobody.invalid")
    assert (failure.kind, "nobody.invalid" in failure.message) == ("NameUnknown", True)


async def test_a_server_that_does_not_answer() -> None:
    kept: list[asyncio.StreamWriter] = []  # a writer without a reference closes its connection
    server = await asyncio.start_server(lambda _reader, writer: kept.append(writer), "127.0.0.1", 0)
    async with server:
        hasty = replace(QUICK, open=1.0)
        failure = await failure_to_open(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", hasty)
        assert failure.kind == "ConnectTimeout"
        for writer in kept:
            writer.close()


async def test_a_server_with_another_protocol() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        failure = await failure_to_open(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert failure.kind == "NoWebSocket"


async def test_frames_are_not_buffered_without_limit() -> None:
    """While no frame is taken, the socket is not read: the source stops when the kernel's buffers are full."""
    sim = RelaySim(rate=0, corpus=200, window=200_000)
    async with sim, opened(sim.url) as frames:
        await anext(frames)
        (reader,) = sim.repos.readers
        before = -200
        async with asyncio.timeout(60):
            while reader.sent - before >= 200:
                before = reader.sent
                await asyncio.sleep(1.0)
