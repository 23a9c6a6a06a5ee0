"""What a look of the operator at Redis costs: round trips, commands, and microseconds of Redis' own time.

    uv run python -m bench.look redis://127.0.0.1:6379

The Redis must be empty, and is emptied in the end. A stream with consumer groups is looked at again and again, as
the operator does for each source every three seconds: first with the questions about bytes and groups at every look,
then at the interval at which they are asked. Times of Redis are those of `INFO commandstats`.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis

from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.contract import HealthField, SourceState, Stream, StreamKeys

_KEYS: Final = StreamKeys(stream=Stream.FIREHOSE, host="relay.test")
_EVENT: Final = b"x" * 700


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("redis", help="the URL of an empty Redis")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--consumers", type=int, default=5, help="of each group")
    parser.add_argument("--looks", type=int, default=100)
    options = parser.parse_args()
    asyncio.run(_measure(options))


async def _measure(options: argparse.Namespace) -> None:
    client: Any = Redis.from_url(options.redis)
    if await client.dbsize():
        raise SystemExit("this Redis is not empty: name one that may be emptied")
    try:
        await _fill(client, options.entries)
        there = 0
        for groups in (0, 1, 20, 1000):
            await _consume(client, there, groups, options.consumers)
            there = groups
            print(f"{groups} groups with {options.consumers} consumers each")
            for name, seconds in (("asked at every look", 0.0), ("asked every ten seconds", 10.0)):
                await _look(client, options, name, seconds)
    finally:
        await client.flushall()
        await client.aclose()


async def _fill(client: Any, entries: int) -> None:
    health = {HealthField.STATE: SourceState.STREAMING, HealthField.BEAT: datetime.now(UTC).isoformat()}
    await client.hset(_KEYS.health, mapping={str(name): str(value) for name, value in health.items()})
    await client.set(_KEYS.cursor, "6322875401")
    for start in range(0, entries, 1000):
        pipe = client.pipeline(transaction=False)
        for _ in range(min(1000, entries - start)):
            pipe.xadd(_KEYS.entries, {"event": _EVENT})
        await pipe.execute()


async def _consume(client: Any, there: int, groups: int, consumers: int) -> None:
    """Each consumer of each group holds ten entries that it has not acknowledged."""
    for group in range(there, groups):
        await client.xgroup_create(_KEYS.entries, f"group-{group}", id="0")
        for consumer in range(consumers):
            await client.xreadgroup(f"group-{group}", f"consumer-{consumer}", {_KEYS.entries: ">"}, count=10)


async def _look(client: Any, options: argparse.Namespace, name: str, seconds: float) -> None:
    reader = RedisReader(details_interval_seconds=seconds)
    await reader.read(options.redis.encode(), _KEYS, now=datetime.now(UTC))
    before, began = await _served(client), time.perf_counter()
    for _ in range(options.looks):
        facts = await reader.read(options.redis.encode(), _KEYS, now=datetime.now(UTC))
        assert facts.failure is None
    took = (time.perf_counter() - began) / options.looks
    after = await _served(client)
    await reader.close()
    commands, used = (
        sum(
            after[command][field] - before.get(command, {field: 0})[field]
            for command in after
            if command != "cmdstat_info"
        )
        / options.looks
        for field in ("calls", "usec")
    )
    print(f"  {name:<24} {commands:4.1f} commands, {used:7.1f} us of Redis, {1e6 * took:7.0f} us in all, for one look")


async def _served(client: Any) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = await client.info("commandstats")
    return found


if __name__ == "__main__":
    main()
