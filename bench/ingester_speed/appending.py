"""Measures what storing costs alone: the ingester's sink appends batches of the corpus's events to a Redis."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from bench.ingester_speed.corpus import FIRST_SEQ, commits
from bench.ingester_speed.table import Measures
from bench.processes import cpu_seconds, redis
from sluice_ingester.cursor.frame_digests import FrameDigests
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.ingester_settings import BATCH_SIZE
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import AppendRequest, Stored
from sluice_wire.events import DecodedFrame
from sluice_wire.fingerprint import fingerprint
from sluice_wire.firehose import FirehoseDecoder

CLIENT_CPU: Final = "CPU of the client, us an event"
_KEYS: Final = StreamKeys(stream=Stream.FIREHOSE, host="bench.test")


def measure_appends(*, events: int, place: Path) -> Measures:
    """One run."""
    with redis(place / "redis") as server:
        with server.client as client:
            redis_pid = int(client.info("server")["process_id"])
        made, digests = _events(), [fingerprint(frame) for frame in commits()]
        before = cpu_seconds(redis_pid)
        cpu, wall, stored = asyncio.run(_append(server.url, made, digests, events))
        return {
            CLIENT_CPU: 1e6 * cpu / stored,
            "CPU of Redis, us an event": 1e6 * (cpu_seconds(redis_pid) - before) / stored,
            "events/s": stored / wall,
        }


async def _append(url: str, made: Sequence[bytes], digests: list[bytes], events: int) -> tuple[float, float, int]:
    size, frames, expected = BATCH_SIZE.default, FrameDigests(), None
    batches = range(events // size)
    async with connect(url) as client:
        sink = RedisSink(RedisCalls(client), _KEYS, high_water_mark=10**9)
        await sink.read_cursor()  # connects
        cpu, wall = time.process_time(), time.monotonic()
        for number in batches:
            at = number * size % (len(made) - size)
            cursor = FIRST_SEQ + (number + 1) * size
            new = str(cursor).encode()
            frames, fields = frames.add(digests[at : at + size], cursor=new)
            request = AppendRequest(
                batch_id=f"{number:032x}",
                expected_cursor=expected,
                cursor=cursor,
                events=made[at : at + size],
                event_time="2026-11-01T00:00:00.000Z",
                health_fields=fields,
            )
            assert isinstance(await sink.append(request), Stored)
            expected = new
        return time.process_time() - cpu, time.monotonic() - wall, len(batches) * size


@cache
def _events() -> list[bytes]:
    decoder, received = FirehoseDecoder(collections=["*"]), datetime.now(UTC)
    decoded = [decoder.decode(frame, received=received) for frame in commits()]
    return [event for frame in decoded if isinstance(frame, DecodedFrame) for event in frame.events]
