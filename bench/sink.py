"""Compares the cost of the atomic, fenced append with that of a plain MULTI of XADDs.

    uv run python -m bench.sink

It uses a real Redis over loopback with an append-only file. Times are CPU times of this process and of Redis. Events
a second are by the wall clock, and fall on a busy machine.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import AppendRequest, Stored
from tests.integration.redis_server import RedisServer

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.test")
EVENT = b'{"type":"create","seq":6322875401,' + b"x" * 521
Write = Callable[[int, list[bytes]], Awaitable[None]]


def main() -> None:
    """Measure both with several batch sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="events to store in each run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(directory), appendonly="yes")
        server.start()
        try:
            asyncio.run(_measure(server, options.events))
        finally:
            server.kill()


async def _measure(server: RedisServer, events: int) -> None:
    async with Redis.from_url(server.url, protocol=2) as redis:
        for size in (1, 50, 500, 2000):
            await _run("append script", size, events, redis, _appending(redis))
            await _run("MULTI of XADDs", size, events, redis, _multi(redis))


async def _run(name: str, size: int, events: int, redis: Redis, write: Write) -> None:
    await redis.flushall()
    count = max(1, min(events, size * 4000) // size)
    batch = [EVENT] * size
    wall, cpu, server = time.perf_counter(), time.process_time(), await _cpu(redis)
    for number in range(count):
        await write(number, batch)
    wall, cpu, server = time.perf_counter() - wall, time.process_time() - cpu, await _cpu(redis) - server
    stored = count * size
    assert await redis.xlen(KEYS.entries) == stored
    memory = int(await redis.memory_usage(KEYS.entries, samples=0) or 0)
    print(
        f"{name:<15} {size:>5} events a call   {stored / wall:>9,.0f} events/s   client {1e6 * cpu / stored:6.2f} us, "
        f"Redis {1e6 * server / stored:6.2f} us an event   {memory / stored:4.0f} B for {len(EVENT)} B",
        flush=True,
    )


def _appending(redis: Redis) -> Write:
    sink = RedisSink(RedisCalls(redis), KEYS, high_water_mark=10**9)

    async def write(number: int, batch: list[bytes]) -> None:
        expected = str(number - 1).encode() if number else None
        append = AppendRequest(
            batch_id=str(number),
            expected_cursor=expected,
            cursor=number,
            events=batch,
            event_time="2026-11-24T12:00:00.000Z",
        )
        assert isinstance(await sink.append(append), Stored)

    return write


def _multi(redis: Redis) -> Write:
    """Write as the Rust ingester does: without fencing, health and high-water mark in the same step."""

    async def write(number: int, batch: list[bytes]) -> None:
        pipeline = redis.pipeline(transaction=True)
        for event in batch:
            pipeline.xadd(KEYS.entries, {"event": event})
        pipeline.set(KEYS.cursor, number)
        await pipeline.execute()

    return write


async def _cpu(redis: Redis) -> float:
    info: dict[str, Any] = await redis.info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])


if __name__ == "__main__":
    main()
