"""Measures fingerprints of frames: the time for each frame, and what an append writes in addition.

    uv run python -m bench.frames

It measures decoding, the fingerprint and the classification of seqs with frames of the simulated relay. It measures
the append with and without digests on a real Redis with an append-only file. Read the ratios within one run.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bench.sink import EVENT, KEYS
from bench.wire import FIRST_SEQ, made_frames
from sluice_ingester.cursor.event_time import EventTime
from sluice_ingester.cursor.frame_digests import FrameDigests
from sluice_ingester.cursor.sequence import SequenceTracker
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import AppendRequest, Stored
from sluice_wire.fingerprint import fingerprint
from sluice_wire.firehose import FirehoseDecoder
from tests.integration.redis_server import RedisServer


def main() -> None:
    """Measure both halves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=1500, help="frames to decode in each round")
    parser.add_argument("--rounds", type=int, default=7, help="of which the best counts")
    parser.add_argument("--events", type=int, default=50_000, help="events to store in each run")
    options = parser.parse_args()
    _reading(made_frames(10_000, options.frames), options.rounds)
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(Path(directory), appendonly="yes")
        server.start()
        try:
            asyncio.run(_appending(server, options.events))
        finally:
            server.kill()


def _reading(frames: list[bytes], rounds: int) -> None:
    decoder, received, now = FirehoseDecoder(collections=["*"]), datetime.now(UTC), time.time()
    digests = [fingerprint(frame) for frame in frames]

    def classify(step: int) -> None:
        sequence = SequenceTracker(FIRST_SEQ - 1)
        for number, digest in enumerate(digests):
            sequence.classify(FIRST_SEQ + number * step, digest)

    def update_event_time() -> None:
        clock = EventTime()
        for _ in frames:
            clock.update("2026-11-01T00:00:00.000Z", now=now)

    works: dict[str, Callable[[], object]] = {
        "decode": lambda: [decoder.decode(frame, received=received) for frame in frames],
        "fingerprint of another frame": lambda: [fingerprint(frame) for frame in frames],
        "classify, seqs without gaps": lambda: classify(1),
        "classify, a gap before each": lambda: classify(7),
        "event time": update_event_time,
    }
    best = {name: min(_cpu(work) for _ in range(rounds)) / len(frames) * 1e6 for name, work in works.items()}
    for name, spent in best.items():
        print(f"{name:<28} {spent:7.2f} us a frame   {spent / best['decode']:6.1%} of decode")


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


async def _appending(server: RedisServer, events: int) -> None:
    async with Redis.from_url(server.url, protocol=2) as redis:
        for size in (1, 50, 500):
            for name, with_digests in (("without digests", False), ("with digests", True)):
                await _append(name, redis, size, max(1, min(events, size * 2000) // size), with_digests=with_digests)


async def _append(name: str, redis: Redis, size: int, count: int, *, with_digests: bool) -> None:
    await redis.flushall()
    sink, frames = RedisSink(RedisCalls(redis), KEYS, high_water_mark=10**9), FrameDigests()
    before, cpu = await _redis(redis), time.process_time()
    for number in range(count):
        fields: Mapping[str, str] = {}
        if with_digests:
            digests = [(number * size + more).to_bytes(8, "big") for more in range(size)]
            frames, fields = frames.add(digests, cursor=b"%d" % number)
        expected = b"%d" % (number - 1) if number else None
        append = AppendRequest(
            batch_id=str(number), expected_cursor=expected, cursor=number, events=[EVENT] * size, health_fields=fields
        )
        assert isinstance(await sink.append(append), Stored)
    cpu, after, stored = time.process_time() - cpu, await _redis(redis), count * size
    memory = int(await redis.memory_usage(KEYS.health, samples=0) or 0)
    print(
        f"{name:<16} {size:>4} events a call   client {1e6 * cpu / stored:6.2f} us, "
        f"Redis {1e6 * (after[0] - before[0]) / stored:6.2f} us, "
        f"file {(after[1] - before[1]) / stored:5.0f} B an event  "
        f"health hash {memory:,} B",
        flush=True,
    )


async def _redis(redis: Redis) -> tuple[float, int]:
    """Seconds of CPU, and bytes of the append-only file."""
    cpu: dict[str, Any] = await redis.info("cpu")
    stored: dict[str, Any] = await redis.info("persistence")
    seconds = float(cpu["used_cpu_user_main_thread"]) + float(cpu["used_cpu_sys_main_thread"])
    return seconds, int(stored["aof_current_size"])


if __name__ == "__main__":
    main()
