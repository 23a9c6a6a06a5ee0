"""Whatever dies, and whenever: each event of the source stands in the stream exactly once, in order."""

import asyncio
import random
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import should, stands, until, until_cursor
from tests.integration.redis_server import RedisServer


async def test_a_source_arrives_whole(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=3000, prefill=500) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await until_cursor(client, sim.host, sim.options.first_seq + 2999)
        assert await stands(client) == should(sim.journal)


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
            async with asyncio.timeout(60):  # it must get somewhere before it dies
                while await client.get(f"firehose_live:cursor:{sim.host}") == before:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0.0, 0.4))
            await ingester.kill()
        sim.pause()
        async with ingester:
            await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stands(client) == should(sim.journal)


@pytest.mark.timeout(600)
async def test_two_at_once(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """One leads, the other is fenced again and again; when the leader dies, the other goes on."""
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
        assert await stands(client) == should(sim.journal)


async def test_cuts_of_every_kind(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=300, window=50_000) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        for how in ("abort", "in-frame", "close", "abort"):
            await sim.connected()
            await asyncio.sleep(0.3)
            cut = set(sim.repos.readers)
            sim.fault("cut", how=how)
            await sim.until(lambda cut=cut: cut.isdisjoint(sim.repos.readers))  # the next may be there already
        await sim.connected()
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stands(client) == should(sim.journal)
