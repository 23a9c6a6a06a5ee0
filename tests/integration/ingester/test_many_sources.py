"""The keys of many sources in a real Redis: one round trip for all, and failures that stay with their source."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import MAX_CALLS, RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.errors import SinkError, SinkReason
from sluice_redis.sink.eviction_policy import EvictionPolicy
from sluice_redis.sink.many_sources import Position, RedisManySources
from tests.integration.redis_server import RedisServer

KEYS = [StreamKeys(stream=Stream.LABELS, host=f"{number}.test") for number in range(200)]


def many_sources(client: Redis) -> RedisManySources:
    calls = RedisCalls(client)
    return RedisManySources(calls, EvictionPolicy(calls))


@pytest.fixture
async def ingester(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with connect(redis_server.url) as redis:
        assert isinstance(redis, Redis)
        yield redis


async def test_health_hashes_are_written_also_after_redis_has_forgotten_its_scripts(
    ingester: Redis, client: Redis
) -> None:
    for beat in ("1", "2"):
        await client.script_flush()
        assert await many_sources(ingester).write_health([(keys, {"beat": beat}) for keys in KEYS]) == [None] * 200
        assert {await client.hget(keys.health, "beat") for keys in KEYS} == {beat.encode()}


async def test_all_sources_share_few_round_trips(ingester: Redis, client: Redis) -> None:
    many = many_sources(ingester)
    await many.write_health([(keys, {"beat": "0"}) for keys in KEYS])
    before = (await client.info("stats"))["total_reads_processed"]
    await many.write_health([(keys, {"beat": "1"}) for keys in KEYS])
    await many.read_positions([(keys, False) for keys in KEYS])
    passed = (await client.info("stats"))["total_reads_processed"] - before - 1
    assert passed < 40  # a long request arrives in several reads


async def test_positions_with_the_length_of_the_stream_where_it_is_wanted(ingester: Redis, client: Redis) -> None:
    await client.set(KEYS[3].cursor, "7")
    await client.xadd(KEYS[0].entries, {"labels": "{}"})
    found = await many_sources(ingester).read_positions([(keys, keys is KEYS[3]) for keys in KEYS])
    assert found[3] == Position(b"7", 1)
    assert {position for number, position in enumerate(found) if number != 3} == {Position(None)}


async def test_a_key_of_another_type_fails_its_source_alone(ingester: Redis, client: Redis) -> None:
    await client.set(KEYS[5].health, "no hash")
    await client.lpush(KEYS[6].cursor, "no string")
    many = many_sources(ingester)
    written = await many.write_health([(one, {"beat": "1"}) for one in KEYS])
    assert [number for number, error in enumerate(written) if error] == [5]
    found = await many.read_positions([(one, False) for one in KEYS])
    assert [number for number, one in enumerate(found) if isinstance(one, SinkError)] == [6]


async def test_a_right_that_is_missing_for_one_source_fails_it_alone(own_redis: Callable[..., RedisServer]) -> None:
    server = own_redis()
    granted = ["~label_live:health:0*", "~label_live:cursor:0*", "+eval", "+evalsha", "+hset", "+get"]
    server.client.execute_command("ACL", "SETUSER", "some", "on", ">pw", "resetkeys", "-@all", *granted)
    async with connect(f"redis://some:pw@127.0.0.1:{server.port}") as redis:
        many = many_sources(redis)  # type: ignore[arg-type]
        written = await many.write_health([(one, {"beat": "1"}) for one in KEYS[:3]])
        assert written[0] is None
        found = await many.read_positions([(one, False) for one in KEYS[:3]])
        assert found[0] == Position(None)
        for error in (*written[1:], *found[1:]):
            assert isinstance(error, SinkError)
            assert error.failure.reason is SinkReason.AUTH


async def test_calls_wait_for_a_connection_and_are_never_refused(ingester: Redis, client: Redis) -> None:
    """The pool of the client refuses the 101st connection."""
    calls = RedisCalls(ingester)
    await asyncio.gather(*(calls.execute("GET", "a") for _ in range(500)))
    connected = [one for one in await client.client_list() if one["cmd"] == "get"]
    assert 0 < len(connected) <= MAX_CALLS
