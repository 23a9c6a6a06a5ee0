"""Each event of the source is in the stream exactly once, in order, whichever process dies at any time."""

import asyncio
import random
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, stored_events, until, until_cursor
from tests.integration.redis_server import RedisServer


async def test_a_source_arrives_whole(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=3000, prefill=500) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await until_cursor(client, sim.host, sim.options.first_seq + 2999)
        assert await stored_events(client) == expected_events(sim.journal)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cursors", ["rainbow", "pds"])
async def test_twenty_kills(redis_server: RedisServer, client: Redis, tmp_path: Path, cursors: str) -> None:
    chance = random.Random(20)
    async with RelaySim(rate=800, corpus=2000, window=200_000) as sim:
        sim.fault("cursors", profile=cursors)
        ingester = Ingester(tmp_path, redis_server.url, sim.url, INGESTER_BATCH_SIZE="50")
        for _ in range(20):
            await ingester.start()
            before = await client.get(f"firehose_live:cursor:{sim.host}")
            async with asyncio.timeout(60):  # it must make progress before it dies
                while await client.get(f"firehose_live:cursor:{sim.host}") == before:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0.0, 0.4))
            await ingester.kill()
        sim.pause()
        async with ingester:
            await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)


@pytest.mark.timeout(600)
async def test_two_ingesters_at_once(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """One ingester writes, the other is fenced repeatedly. When the writer dies, the other continues."""
    async with (
        RelaySim(rate=500, corpus=1000, window=200_000) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_BATCH_SIZE="40") as one,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_BATCH_SIZE="70") as other,
    ):
        name = f'sluice_ingester_fenced_total{{source="{sim.host}"}}'

        async def fenced() -> dict[Ingester, float]:
            return {each: await each.metric(name) for each in (one, other)}

        async def often() -> bool:
            return sum((await fenced()).values()) >= 5

        await until(often)
        counts = await fenced()
        leader = min(counts, key=lambda each: counts[each])
        await leader.kill()
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)


async def test_connections_that_break_in_every_way(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=300, window=50_000) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        for how in ("abort", "in-frame", "close", "abort"):
            await sim.connected()
            await asyncio.sleep(0.3)
            cut = set(sim.repos.readers)
            sim.fault("cut", how=how)
            await sim.until(lambda cut=cut: cut.isdisjoint(sim.repos.readers))  # the next connection may exist already
        await sim.connected()
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)
