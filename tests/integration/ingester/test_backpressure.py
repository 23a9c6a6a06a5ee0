"""Redis full, out of memory, killed, silent or closed to us: reading stops, and afterwards nothing is missing."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import (
    Told,
    consumed,
    events,
    health,
    should,
    stands,
    until,
    until_cursor,
    until_state,
)
from tests.integration.redis_server import RedisServer


async def test_high_water_mark(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """A slow consumer: the stream stays near its mark, the connection is given up and taken up again."""
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
        read: list[Told] = []
        last = sim.options.first_seq + 5999
        while not read or read[-1][0] < last:
            assert await client.xlen("firehose_live") <= 1000 + 100 + 50  # a batch, and a frame of many events
            read += await consumed(client)
            await asyncio.sleep(0.2)
        assert read == should(sim.journal)
        await until_state(client, sim.host, "streaming")


async def test_others_with_a_higher_mark_fill_the_stream(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """It is told that others write on, what to do, and goes on by itself when there is room."""
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
        stored = [event for event in await consumed(client) if event[1] != "other"]
        await until_state(client, sim.host, "streaming")
        assert stored


async def test_a_stream_that_is_full_from_the_start(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """It is told before anything is offered, so that a source with nothing to say doesn't look well; and when it is
    over, though nothing was stored since.
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
        assert await stands(client) == should(sim.journal)
        await until_state(client, sim.host, "streaming")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("fsync", "lost"), [("always", 0), ("everysec", 100_000)])
async def test_redis_is_killed(own_redis: Callable[..., RedisServer], tmp_path: Path, fsync: str, lost: int) -> None:
    """With everysec the last events can be gone with their cursor: they are read again."""
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
        assert await stands(client) == should(sim.journal)
        assert ingester.process.returncode is None


async def test_redis_loses_everything(own_redis: Callable[..., RedisServer], tmp_path: Path) -> None:
    """Without persistence the cursor is gone, too: all that the source still has comes again."""
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
        assert await stands(client) == should(sim.journal)


async def test_redis_says_nothing_for_long(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """Calls whose outcome is unknown are repeated, and done once."""
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, redis_server.url, sim.url, speed=4) as ingester:
        await until_cursor(client, sim.host, sim.options.first_seq)
        redis_server.pause(seconds=3)  # 12 s of the ingester
        await until(lambda: has_error(ingester, "RedisTimeout"))
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stands(client) == should(sim.journal)


async def test_a_wrong_password_is_said_and_mended(own_redis: Callable[..., RedisServer], tmp_path: Path) -> None:
    server = own_redis(requirepass="right")
    async with (
        RelaySim(rate=0, limit=500) as sim,
        Ingester(tmp_path, f"redis://:new@127.0.0.1:{server.port}", sim.url) as ingester,
    ):
        await until(lambda: has_error(ingester, "RedisAuth"))

        async def halted() -> bool:  # the error may come of the health hash first, which halts nothing
            status, body = await ingester.get("/readyz")
            assert status == 503
            return "halted RedisAuth" in body

        await until(halted)
        assert (await ingester.get("/healthz"))[0] == 200
        assert "new" not in ingester.log
        server.client.config_set("requirepass", "new")
        async with Redis.from_url(f"redis://:new@127.0.0.1:{server.port}") as client:
            await until_cursor(client, sim.host, sim.options.first_seq + 499)
            assert await stands(client) == should(sim.journal)
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
        assert await stands(client) == should(sim.journal)


async def test_memory_of_the_last_event_time(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await until_cursor(client, sim.host, sim.options.first_seq + 299)
        assert (await health(client, sim.host))["eventTime"] == max(one["time"] for one in await events(client))


async def has_error(ingester: Ingester, kind: str) -> bool:
    return any(line.get("kind") == kind for line in ingester.lines)
