"""64 MiB are enough: at full speed, with the largest frames, and while Redis is down or stalls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bench.memory_cgroup import MemoryCgroup, memory_cgroup
from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, stored_events, until_cursor
from tests.integration.redis_server import RedisServer


@pytest.fixture
def pod() -> Iterator[MemoryCgroup]:
    context = memory_cgroup(64)
    try:
        cgroup = context.__enter__()
    except OSError as error:
        pytest.skip(f"needs root and a memory cgroup: {error}")
    yield cgroup
    context.__exit__(None, None, None)


@pytest.fixture
def server(own_redis: Callable[..., RedisServer]) -> RedisServer:
    return own_redis(appendonly="yes")


@asynccontextmanager
async def ingesting(
    server: RedisServer, place: Path, pod: MemoryCgroup, *, frames: int
) -> AsyncIterator[tuple[Redis, RelaySim]]:
    """An ingester in `pod`, whose relay sends `frames` frames at once. At the end all that it sent must be stored."""
    async with server.connect() as client, RelaySim(rate=0, limit=frames, corpus=1000, window=100_000) as sim:
        ingester = Ingester(place, server.url, sim.url, speed=4)
        await ingester.warm_up()
        ingester.wrap = pod.command
        async with ingester:
            yield client, sim
            await until_cursor(client, sim.host, sim.repos.next_seq - 1)
            assert await stored_events(client) == expected_events(sim.journal)
            assert await ingester.terminate() == 0
    assert pod.kills == 0, pod.summary()


@pytest.mark.timeout(600)
async def test_64_mib_are_enough(server: RedisServer, tmp_path: Path, pod: MemoryCgroup) -> None:
    async with ingesting(server, tmp_path, pod, frames=15_000) as (client, sim):
        await until_cursor(client, sim.host, sim.options.first_seq + 14_999, within=300)
        for _ in range(10):
            last = sim.fault("odd", what="largest")["seqs"][0]
        await until_cursor(client, sim.host, last)
        server.kill()
        await sim.emit(2000)
        await asyncio.sleep(3)  # 12 s on the ingester's clock
        await asyncio.to_thread(server.start)


@pytest.mark.timeout(600)
async def test_64_mib_are_enough_if_redis_stalls_in_mid_flood(
    server: RedisServer, tmp_path: Path, pod: MemoryCgroup
) -> None:
    async with ingesting(server, tmp_path, pod, frames=30_000) as (client, sim):
        await until_cursor(client, sim.host, sim.options.first_seq + 4999, within=300)
        assert sim.repos.next_seq < sim.options.first_seq + 30_000, "the flood is over too early"
        server.pause(seconds=8)  # 32 s on the ingester's clock: it gives up the call, then the connection
        for _ in range(5):
            sim.fault("odd", what="largest")
        await until_cursor(client, sim.host, sim.options.first_seq + 29_999, within=300)
