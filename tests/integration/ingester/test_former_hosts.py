"""A cursor stored by an older version under another HOST is renamed once, and the ingester continues from it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.errors import SinkError, SinkReason
from sluice_redis.sink.redis_sink import RedisSink
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, health, stored_events, until, until_cursor
from tests.integration.redis_kinds import Cluster, running
from tests.integration.redis_server import RedisServer

HOST, OLD, OLDER = "relay.test", "relay.test:443", "wss://Relay.test:443"
KEYS = StreamKeys(stream=Stream.FIREHOSE, host=HOST, former_hosts=(OLD, OLDER))
OLD_KEYS, OLDER_KEYS = KEYS.former_keys


@pytest.fixture
async def sink(redis_server: RedisServer) -> AsyncIterator[RedisSink]:
    async with connect(redis_server.url) as redis:
        yield RedisSink(RedisCalls(redis), KEYS, high_water_mark=5)


async def put(client: Redis, keys: StreamKeys, cursor: str | None, **fields: str) -> None:
    if cursor is not None:
        await client.set(keys.cursor, cursor)
    if fields:
        await client.hset(keys.health, mapping=fields)  # type: ignore[misc]


async def found(client: Redis, keys: StreamKeys = KEYS) -> tuple[str | None, dict[str, str]]:
    cursor = await client.get(keys.cursor)
    fields: Any = await client.hgetall(keys.health)
    return cursor and cursor.decode(), {name.decode(): value.decode() for name, value in fields.items()}


async def test_a_cursor_is_renamed_with_its_health(sink: RedisSink, client: Redis) -> None:
    await put(client, OLD_KEYS, "7", seq="7", events="40")
    # The health report is written before the cursor is read.
    await put(client, KEYS, None, beat="2026-11-28T12:00:00.000Z")
    assert await sink.rename_former_keys() == [OLD_KEYS.cursor]
    assert await found(client) == ("7", {"seq": "7", "events": "40"})
    assert await found(client, OLD_KEYS) == (None, {})
    assert await sink.rename_former_keys() == []


@pytest.mark.parametrize(
    ("own", "old", "stays"),
    [
        ("8", "7", "8"),
        ("7", "8", "8"),
        ("9", "10", "10"),
        ("10", "9", "10"),
        ("7", "7", "7"),
        ("9007199254740991", "9007199254740990", "9007199254740991"),
        ("9007199254740990", "9007199254740991", "9007199254740991"),
        ("!live", "7", "!live"),  # set by a person
        ("7", "!live", "7"),
        ("0", "7", "7"),
        ("7", "nonsense", "7"),
    ],
)
async def test_the_higher_of_two_seqs_stays(sink: RedisSink, client: Redis, own: str, old: str, stays: str) -> None:
    await put(client, KEYS, own, seq=own)
    await put(client, OLD_KEYS, old, seq=old)
    await sink.rename_former_keys()
    assert await found(client) == (stays, {"seq": stays})
    assert await found(client, OLD_KEYS) == (None, {})


async def test_the_highest_of_several_seqs_stays(sink: RedisSink, client: Redis) -> None:
    await put(client, OLD_KEYS, "7", seq="7")
    await put(client, OLDER_KEYS, "9", seq="9")
    await sink.rename_former_keys()
    assert await found(client) == ("9", {"seq": "9"})
    assert sorted(await client.keys("*")) == [KEYS.cursor.encode(), KEYS.health.encode()]


async def test_a_listings_own_cursor_stays(redis_server: RedisServer, client: Redis) -> None:
    """Cursors of listings are not seqs, so a higher one means nothing."""
    keys = StreamKeys(stream=Stream.BACKFILL, host=HOST, former_hosts=(OLD,))
    (old,) = keys.former_keys
    async with connect(redis_server.url) as redis:
        sink = RedisSink(RedisCalls(redis), keys, high_water_mark=5)
        await put(client, old, "900")
        assert await sink.rename_former_keys() == [old.cursor]
        assert await found(client, keys) == ("900", {})
        await put(client, old, "!ingester-done")
        assert await sink.rename_former_keys() == []
        assert await found(client, keys) == ("900", {})
        assert await found(client, old) == (None, {})


async def test_health_without_a_cursor_is_renamed_if_there_is_none_yet(sink: RedisSink, client: Redis) -> None:
    await put(client, OLD_KEYS, None, resetNonce="first")
    assert await sink.rename_former_keys() == []
    assert await found(client) == (None, {"resetNonce": "first"})


async def test_other_sources_are_left_alone(sink: RedisSink, client: Redis) -> None:
    other = StreamKeys(stream=Stream.FIREHOSE, host="relay.test:2470")
    await put(client, other, "5", seq="5")
    await sink.rename_former_keys()
    assert await found(client, other) == ("5", {"seq": "5"})
    assert await found(client) == (None, {})


@pytest.mark.parametrize("right", ["-rename", "-del"])
async def test_a_missing_right_is_reported_before_anything_is_renamed(
    own_redis: Callable[..., RedisServer], right: str
) -> None:
    server = own_redis()
    server.client.execute_command("ACL", "SETUSER", "ingester", "on", ">x", "~*", "+@all", right)
    async with server.connect() as client, connect(f"redis://ingester:x@127.0.0.1:{server.port}") as redis:
        sink = RedisSink(RedisCalls(redis), KEYS, high_water_mark=5)
        assert await sink.rename_former_keys() == []  # without a former key no such right is needed
        await put(client, OLD_KEYS, "7", seq="7")
        with pytest.raises(SinkError, match=f"may not call {right[1:].upper()}") as caught:
            await sink.rename_former_keys()
        assert caught.value.failure.reason is SinkReason.AUTH
        assert await found(client, OLD_KEYS) == ("7", {"seq": "7"})


async def test_in_a_cluster(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    keys = StreamKeys(stream=Stream.FIREHOSE, host=HOST, prefix="{sluice}:", former_hosts=(OLD,))
    (old,) = keys.former_keys
    with running(cluster):
        async with connect(cluster.url) as redis:
            await redis.set(old.cursor, "7")
            assert await RedisSink(RedisCalls(redis), keys, high_water_mark=5).rename_former_keys() == [old.cursor]
            assert await redis.get(keys.cursor) == b"7"


async def test_an_ingester_continues_from_a_former_cursor(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """A kill in between loses nothing: each event is stored once."""
    async with RelaySim(rate=0, limit=1000, prefill=600) as sim:
        port = sim.host.rpartition(":")[2]
        old = f"[::ffff:127.0.0.1]:{port}"
        await client.set(f"firehose_live:cursor:{old}", sim.options.first_seq + 99)
        await client.hset(f"firehose_live:health:{old}", "events", "1234")  # type: ignore[misc]
        ingester = Ingester(tmp_path, redis_server.url, f"ws://{old}")
        async with ingester:
            await until_cursor(client, sim.host, sim.options.first_seq + 300)
            await ingester.kill()
            await ingester.start()
            await until_cursor(client, sim.host, sim.options.first_seq + 999)
            expected = [event for event in expected_events(sim.journal) if event[0] > sim.options.first_seq + 99]
            assert await stored_events(client) == expected
            assert await client.exists(f"firehose_live:cursor:{old}", f"firehose_live:health:{old}") == 0

            async def is_counted() -> bool:
                return (await health(client, sim.host))["events"] == str(1234 + len(expected))

            await until(is_counted)
            assert any("the cursor was kept at" in line["message"] for line in ingester.lines)
