"""Backpressure: while Redis can't store events, reading stops; afterwards no event is missing."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import (
    BriefEvent,
    consume_events,
    events,
    expected_events,
    health,
    stored_events,
    until,
    until_cursor,
    until_state,
)
from tests.integration.redis_server import RedisServer


async def test_high_water_mark(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """With a slow consumer the stream stays near its mark. The ingester closes the connection and reconnects."""
    async with (
        RelaySim(rate=400, limit=6000, corpus=1000, window=100_000) as sim,
        Ingester(
            tmp_path, redis_server.url, sim.url, INGESTER_HIGH_WATER_MARK="1000", INGESTER_BATCH_SIZE="100"
        ) as ingester,
    ):
        await until_state(client, sim.host, "backpressure", "HighWaterMark")
        await sim.until(lambda: not sim.repos.readers)
        status, body = await ingester.get("/readyz")
        assert (status, "HighWaterMark" in body) == (200, True)
        assert (
            "entries: let consumers delete entries that they have processed"
            in (await health(client, sim.host))["message"]
        )
        assert await ingester.shows("ingester_backpressure_active", 1)
        assert await ingester.shows("ingester_websocket_connections", 0)
        read: list[BriefEvent] = []
        last = sim.options.first_seq + 5999
        while not read or read[-1][0] < last:
            assert await client.xlen("firehose_live") <= 1000 + 100 + 50  # a batch, and a frame of many events
            read += await consume_events(client)
            await asyncio.sleep(0.2)
        assert read == expected_events(sim.journal)
        await until_state(client, sim.host, "streaming")


async def test_other_writers_with_a_higher_mark_fill_the_stream(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """The status says that others fill the stream, and what to do. The ingester resumes when there is room."""
    name = "firehose_live"
    async with (
        RelaySim(rate=100, limit=3000, corpus=500, window=100_000) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_HIGH_WATER_MARK="100") as ingester,
    ):

        async def write_on() -> None:
            while True:
                await client.xadd(name, {"event": json.dumps({"seq": 0, "type": "other"})})
                await asyncio.sleep(0.02)

        await until_state(client, sim.host, "backpressure", "HighWaterMark")
        others = asyncio.create_task(write_on())
        await until_state(client, sim.host, "backpressure", "StreamFilledByOthers")
        message = (await health(client, sim.host))["message"]
        assert "firehose_live holds more than this source's high-water mark of 100 entries" in message
        assert all(field in message for field in ("spec.backpressure.highWaterMark", "spec.redis.keyPrefix"))
        assert "StreamFilledByOthers" in (await ingester.get("/readyz"))[1]
        others.cancel()
        stored = [event for event in await consume_events(client) if event[1] != "other"]
        await until_state(client, sim.host, "streaming")
        assert stored


async def test_a_stream_that_is_full_from_the_start(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """A full stream is reported before the source sends anything. So a quiet source does not look healthy.

    The end of backpressure is reported even if nothing was stored since.
    """
    for _ in range(100):
        await client.xadd("firehose_live", {"event": "{}"})
    async with (
        RelaySim(paused=True) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_HIGH_WATER_MARK="100"),
    ):
        await sim.connected()
        await until_state(client, sim.host, "backpressure", "HighWaterMark")
        await client.xtrim("firehose_live", maxlen=90, approximate=False)
        await until_state(client, sim.host, "streaming")
        await sim.emit(10)
        await until_cursor(client, sim.host, sim.options.first_seq + 9)


async def test_out_of_memory(own_redis: Callable[..., RedisServer], tmp_path: Path) -> None:
    server = own_redis(maxmemory="6mb", maxmemory_policy="noeviction")
    async with (
        server.connect() as client,
        RelaySim(rate=0, limit=8000, corpus=1000, window=100_000) as sim,
        Ingester(tmp_path, server.url, sim.url) as ingester,
    ):
        await until(lambda: has_error(ingester, "RedisOutOfMemory"))
        await asyncio.sleep(2)
        await until_state(client, sim.host, "backpressure", "RedisOutOfMemory")
        assert "RedisOutOfMemory" in (await ingester.get("/readyz"))[1]
        await client.config_set("maxmemory", 0)
        await until_cursor(client, sim.host, sim.options.first_seq + 7999)
        assert await stored_events(client) == expected_events(sim.journal)
        await until_state(client, sim.host, "streaming")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("fsync", "lost"), [("always", 0), ("everysec", 100_000)])
async def test_redis_is_killed(own_redis: Callable[..., RedisServer], tmp_path: Path, fsync: str, lost: int) -> None:
    """With appendfsync everysec the last events can be lost together with their cursor. They are read again."""
    server = own_redis(appendonly="yes", appendfsync=fsync)
    async with (
        server.connect() as client,
        RelaySim(rate=600, corpus=1000, window=100_000) as sim,
        Ingester(tmp_path, server.url, sim.url) as ingester,
    ):
        for _ in range(3):
            before = sim.repos.next_seq
            await until_cursor(client, sim.host, before)
            server.kill()
            if lost:
                server.lose_tail(lost)
                server.repair()
            await asyncio.sleep(0.7)
            await asyncio.to_thread(server.start)
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)
        assert ingester.process.returncode is None


async def test_redis_loses_everything(own_redis: Callable[..., RedisServer], tmp_path: Path) -> None:
    """Without persistence the cursor is lost too. The ingester reads everything that the source still has."""
    server = own_redis()
    async with (
        server.connect() as client,
        RelaySim(rate=0, limit=2000) as sim,
        Ingester(tmp_path, server.url, sim.url),
    ):
        await until_cursor(client, sim.host, sim.options.first_seq + 1999)
        server.kill()
        server.start()
        await until_cursor(client, sim.host, sim.options.first_seq + 1999)
        assert await stored_events(client) == expected_events(sim.journal)


async def test_redis_does_not_answer_for_a_while(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """Calls whose outcome is unknown are repeated, and take effect once."""
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, redis_server.url, sim.url, speed=4) as ingester:
        await until_cursor(client, sim.host, sim.options.first_seq)
        redis_server.pause(seconds=3)  # 12 s on the ingester's clock
        await until(lambda: has_error(ingester, "RedisTimeout"))
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)


async def test_a_wrong_password_is_reported_and_can_be_corrected(
    own_redis: Callable[..., RedisServer], tmp_path: Path
) -> None:
    server = own_redis(requirepass="right")
    async with (
        RelaySim(rate=0, limit=500) as sim,
        Ingester(tmp_path, f"redis://:new@127.0.0.1:{server.port}", sim.url) as ingester,
    ):
        await until(lambda: has_error(ingester, "RedisAuth"))

        async def halted() -> bool:  # writing the health hash may fail first, which does not halt
            status, body = await ingester.get("/readyz")
            assert status == 503
            return "halted RedisAuth" in body

        await until(halted)
        assert (await ingester.get("/healthz"))[0] == 200
        assert "new" not in ingester.log
        server.client.config_set("requirepass", "new")
        async with Redis.from_url(f"redis://:new@127.0.0.1:{server.port}") as client:
            await until_cursor(client, sim.host, sim.options.first_seq + 499)
            assert await stored_events(client) == expected_events(sim.journal)
            await until_state(client, sim.host, "streaming")


async def test_a_key_of_a_wrong_type_halts_until_it_is_gone(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    await client.set("firehose_live", "no stream")
    async with RelaySim(rate=0, limit=500) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await until_state(client, sim.host, "halted", "RedisRefused")
        assert "WRONGTYPE" in (await health(client, sim.host))["message"]
        await client.delete("firehose_live")
        await until_cursor(client, sim.host, sim.options.first_seq + 499)
        assert await stored_events(client) == expected_events(sim.journal)


async def test_health_has_the_time_of_the_newest_event(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(rate=0, limit=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await until_cursor(client, sim.host, sim.options.first_seq + 299)
        assert (await health(client, sim.host))["eventTime"] == max(one["time"] for one in await events(client))


async def has_error(ingester: Ingester, kind: str) -> bool:
    return any(line.get("kind") == kind for line in ingester.lines)
