"""Measures deduplication between relays: memory in Redis, and time of an append.

    uv run python -m bench.deduplicate redis://127.0.0.1:6379

The Redis must be empty; the program empties it at the end. It appends the same events in batches of 500: without
deduplication, with it for a first relay, and with it for a second relay, of which no event is stored. Times are by
the wall clock, for whole calls with digests and client. Compare them with each other only.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import AppendRequest, Stored

_BATCH = 500
_RECORD = {"$type": "app.bsky.feed.post", "text": "x" * 300, "createdAt": "2026-11-01T00:00:00.000Z"}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("redis", help="the URL of an empty Redis")
    parser.add_argument("--events", type=int, default=200_000)
    options = parser.parse_args()
    asyncio.run(_measure(options.redis, [_event(number) for number in range(1, options.events + 1)]))


def _event(number: int) -> bytes:
    event = {
        "type": "create",
        "seq": number,
        "time": "2026-11-01T00:00:00.000Z",
        "did": f"did:plc:{number:024d}",
        "commit": "bafyrei" + "a" * 52,
        "rev": f"3m{number:011d}",
        "collection": "app.bsky.feed.post",
        "rkey": f"3m{number:011d}",
        "cid": "bafyrei" + "b" * 52,
        "record": _RECORD,
    }
    return json.dumps(event, separators=(",", ":")).encode()


async def _measure(url: str, events: Sequence[bytes]) -> None:
    async with connect(url) as client:
        redis: Any = client
        if await redis.dbsize():
            raise SystemExit("this Redis is not empty: name one that may be emptied")
        try:
            plain = await _append(redis, "plain", None, events)
            await redis.flushall()
            first = await _append(redis, "first", 3600, events)
            second = await _append(redis, "second", 3600, events)
            seen = [await redis.memory_usage(key, samples=0) async for key in redis.scan_iter("*:seen:*")]
        finally:
            await redis.flushall()
    print(f"{plain:8.1f} us an event without deduplication")
    print(f"{first:8.1f} us an event with it, first relay")
    print(f"{second:8.1f} us an event with it, second relay: all are duplicates")
    print(f"{sum(seen) / len(events):8.1f} bytes of Redis for each event of the window, two relays")


async def _append(redis: Any, host: str, window: int | None, events: Sequence[bytes]) -> float:
    keys = StreamKeys(stream=Stream.FIREHOSE, host=host)
    sink = RedisSink(RedisCalls(redis), keys, high_water_mark=2 * len(events), deduplicate_seconds=window)
    expected: bytes | None = None
    started = time.perf_counter()
    for begin in range(0, len(events), _BATCH):
        cursor = begin + _BATCH
        batch = events[begin:cursor]
        answer = await sink.append(
            AppendRequest(batch_id=f"{host}{begin}", expected_cursor=expected, cursor=cursor, events=batch)
        )
        assert isinstance(answer, Stored)
        expected = str(cursor).encode()
    return (time.perf_counter() - started) / len(events) * 1e6


if __name__ == "__main__":
    main()
