"""Measures one observation of Redis by the operator: round trips, commands, and microseconds of Redis' own time.

    uv run python -m bench.observation redis://127.0.0.1:6379

The Redis must be empty; the program empties it at the end. It observes a stream with consumer groups repeatedly, as
the operator does in each reconcile. First each observation reads bytes and groups too, then only
those at the operator's interval. The times of Redis are those of `INFO commandstats`.
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
    parser.add_argument("--observations", type=int, default=100)
    options = parser.parse_args()
    asyncio.run(_measure(options))


async def _measure(options: argparse.Namespace) -> None:
    client: Any = Redis.from_url(options.redis)
    if await client.dbsize():
        raise SystemExit("this Redis is not empty: name one that may be emptied")
    try:
        await _fill(client, options.entries)
        existing = 0
        for groups in (0, 1, 20, 1000):
            await _consume(client, existing, groups, options.consumers)
            existing = groups
            print(f"{groups} groups with {options.consumers} consumers each")
            for name, seconds in (("read each time", 0.0), ("read every ten seconds", 10.0)):
                await _observe(client, options, name, seconds)
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


async def _consume(client: Any, existing: int, groups: int, consumers: int) -> None:
    """Create groups; each of their consumers has ten pending entries."""
    for group in range(existing, groups):
        await client.xgroup_create(_KEYS.entries, f"group-{group}", id="0")
        for consumer in range(consumers):
            await client.xreadgroup(f"group-{group}", f"consumer-{consumer}", {_KEYS.entries: ">"}, count=10)


async def _observe(client: Any, options: argparse.Namespace, name: str, seconds: float) -> None:
    reader = RedisReader(details_interval_seconds=seconds)
    await reader.read(options.redis.encode(), _KEYS, now=datetime.now(UTC))
    before, began = await _command_stats(client), time.perf_counter()
    for _ in range(options.observations):
        facts = await reader.read(options.redis.encode(), _KEYS, now=datetime.now(UTC))
        assert facts.failure is None
    took = (time.perf_counter() - began) / options.observations
    after = await _command_stats(client)
    await reader.close()
    commands, used = (
        sum(
            after[command][field] - before.get(command, {field: 0})[field]
            for command in after
            if command != "cmdstat_info"
        )
        / options.observations
        for field in ("calls", "usec")
    )
    print(
        f"  {name:<24} {commands:4.1f} commands, {used:7.1f} us of Redis, {1e6 * took:7.0f} us in all, an observation"
    )


async def _command_stats(client: Any) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = await client.info("commandstats")
    return found


if __name__ == "__main__":
    main()
