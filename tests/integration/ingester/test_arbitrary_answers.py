"""Any bytes that a server answers lead to the content or to a readable failure, within a time limit."""

import asyncio
import contextlib
import random

import pytest

from sluice_ingester.sources.failure import SourceError, SourceFailure
from sluice_ingester.sources.tls import Tls
from sluice_ingester.telemetry.error_kinds import ERROR_KINDS
from tests.integration.ingester.source_connections import PROTOCOLS, no_proxies, reach

__all__ = ["no_proxies"]  # a fixture

BEGINNINGS = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 503 \xe9\r\n",
    b"HTTP/1.0 429\r\n",
    b"HTTP/1.1 101 X\r\n",
    b"HTTP/1.1 302 Found\r\n",
]
PARTS = [
    *BEGINNINGS,
    b"Content-Length: 5\r\n",
    b"Content-Length: many\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\r\n",
    b"Location: \xff\r\n",
    b"Location: http://[\r\n",
    b"Location: http://a b/\r\n",
    b"Location: https://127.0.0.1:99999/\r\n",
    b"Location: http://" + b"a" * 70 + b".test/\r\n",
    b"Location: /again\r\n",
    b"Set-Cookie: \x01\xff\r\n",
    b"Retry-After: \xb2\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n",
    b"X: " + b"a" * 9000 + b"\r\n",
    b"zz\r\nhello\r\n",
    b"\x00\xff\n",
    b"\x1f\x8b\x08junk",
    b"\r\n",
]


@PROTOCOLS
@pytest.mark.parametrize("seed", range(4))
async def test_any_answer(protocol: str, seed: int) -> None:
    chance = random.Random(seed)
    answer = b""
    failures: list[tuple[SourceFailure, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    tls = Tls.load()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        for _ in range(40):
            answer = chance.choice([*BEGINNINGS, b""]) + b"".join(chance.choices(PARTS, k=chance.randint(0, 7)))
            try:
                async with asyncio.timeout(100):
                    await reach(protocol, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", tls=tls)
            except SourceError as error:
                failures.append((error.failure, answer))
    for failure, sent in failures:
        assert failure.kind in ERROR_KINDS, sent
        assert failure.message.isprintable(), sent
        assert len(failure.message) <= 1000, sent
    assert failures
