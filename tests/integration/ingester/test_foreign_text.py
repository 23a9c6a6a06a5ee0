"""Answers that are no valid text, or too long, are reported in a readable form and stop nothing else."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.errors import SinkError
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, stored_events, until, until_cursor
from tests.integration.redis_server import RedisServer

ODD = b'{"error":"Bad\\ud800Half","message":"a\\u202eb\\u0000c\\n  d"}'


@contextlib.asynccontextmanager
async def answering(answer: bytes, *, asked_by: bytes = b"\r\n\r\n") -> AsyncIterator[int]:
    """The port of a server that gives the same answer to each request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(asked_by)
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (b"HTTP/1.1 500 Erreur de base de donn\xe9es\r\nContent-Length: 2\r\n\r\n{}", "Erreur de base de données"),
        (
            b"HTTP/1.1 500 X\r\nContent-Length: %d\r\n\r\n%s" % (len(ODD), ODD),
            "Bad\\ud800Half: a\\u202eb\\x00c d",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe\r\nContent-Length: 0\r\n\r\n", "redirects"),
    ],
    ids=["reason", "message", "redirect"],
)
async def test_a_listing_refused_with_binary_text_does_not_affect_the_firehose(
    redis_server: RedisServer, client: Redis, tmp_path: Path, answer: bytes, shown: str
) -> None:
    async with (
        answering(answer) as port,
        RelaySim(rate=0, limit=300) as sim,
        Ingester(
            tmp_path, redis_server.url, f"{sim.url},http://127.0.0.1:{port}", INGESTER_MODE="all", LOG_FORMAT="json"
        ) as ingester,
    ):
        host = f"127.0.0.1:{port}"

        async def is_reported() -> bool:
            health = await client.hgetall(f"repo_backfill:health:{host}")  # type: ignore[misc]
            return shown in health.get(b"message", b"").decode()

        await until(is_reported, within=60)
        await until_cursor(client, sim.host, sim.options.first_seq + 299)
        assert await stored_events(client) == expected_events(sim.journal)
        assert ingester.process.returncode is None
        assert any(shown in line["message"] for line in ingester.lines)
        assert (await ingester.get("/readyz"))[0] == 503  # that host has never answered
        assert (await ingester.get("/healthz"))[0] == 200
        assert await ingester.terminate() == 0


@pytest.mark.parametrize("error", [b"-ERR m\xe9moire\r\n", b"-\xff\xfe\x00\r\n", b"-ERR " + b"x" * 100_000 + b"\r\n"])
async def test_any_redis_error_becomes_readable_text(error: bytes) -> None:
    async with answering(error, asked_by=b"\r\n") as port:
        redis = connect(f"redis://127.0.0.1:{port}")
        with pytest.raises(SinkError) as caught:
            await RedisCalls(redis).execute("GET", "a")
        await redis.aclose()
    message = caught.value.failure.message
    assert json.dumps(message, ensure_ascii=False).encode()
    assert len(message) < 1000
    assert message.isprintable()
