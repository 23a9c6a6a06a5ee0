"""The append against a real Redis: a batch is stored whole or not at all, once, and only with the expected cursor."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.errors import SinkError, SinkReason
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import AppendRequest, DeadLetterEntry, Fenced, Full, Stored
from tests.integration.ingester.proxy import Proxy
from tests.integration.redis_server import RedisServer

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.test")
LETTER = DeadLetterEntry(seq="8", reason="FrameInvalid: no map", detail="", payload=b"\xff\x00")
FIRST = AppendRequest(
    batch_id="first",
    expected_cursor=None,
    cursor=6_322_875_402,
    events=[b'{"seq":1}', b'{"seq":2}'],
    dead_letters=[LETTER],
    event_time="2026-11-24T12:00:00.000Z",
)
SECOND = AppendRequest(batch_id="second", expected_cursor=b"6322875402", cursor=6_322_875_409, events=[b"{}"])


@pytest.fixture
async def sink(redis_server: RedisServer) -> AsyncIterator[RedisSink]:
    async with connect(redis_server.url) as redis:
        yield RedisSink(RedisCalls(redis), KEYS, high_water_mark=5)


async def snapshot(client: Redis) -> dict[str, Any]:
    health = {name: value for name, value in (await client.hgetall(KEYS.health)).items() if name != b"stored"}
    return {
        "cursor": await client.get(KEYS.cursor),
        "stream": [fields for _, fields in await client.xrange(KEYS.entries) or ()],
        "letters": [fields for _, fields in await client.xrange(KEYS.deadletter) or ()],
        "health": health,
    }


async def test_stores_everything_in_one_step(sink: RedisSink, client: Redis) -> None:
    assert await sink.append(FIRST) == Stored(2)
    assert await sink.append(SECOND) == Stored(3)
    assert await snapshot(client) == {
        "cursor": b"6322875409",
        "stream": [{b"event": b'{"seq":1}'}, {b"event": b'{"seq":2}'}, {b"event": b"{}"}],
        "letters": [
            {
                b"host": b"relay.test",
                b"seq": b"8",
                b"reason": b"FrameInvalid: no map",
                b"detail": b"",
                b"payload": b"\xff\x00",
            }
        ],
        "health": {
            b"seq": b"6322875409",
            b"eventTime": b"2026-11-24T12:00:00.000Z",
            b"events": b"3",
            b"deadletters": b"1",
            b"batch": b"second",
        },
    }


async def test_the_same_batch_again_is_stored_once(sink: RedisSink, client: Redis) -> None:
    await sink.append(FIRST)
    before = await snapshot(client)
    assert await sink.append(FIRST) == Stored(2)
    assert await snapshot(client) == before


async def test_a_batch_without_seq_moves_no_cursor_and_is_stored_once(sink: RedisSink, client: Redis) -> None:
    await sink.append(FIRST)
    lone = AppendRequest(batch_id="lone", expected_cursor=b"6322875402", cursor=None, events=[], dead_letters=[LETTER])
    assert await sink.append(lone) == Stored(2)
    assert await sink.append(lone) == Stored(2)
    found = await snapshot(client)
    assert (found["cursor"], len(found["letters"])) == (b"6322875402", 2)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [(b"7", None), (None, b"7"), (b"8", b"7"), (b"", None), (b"07", b"7"), (b"", b"7"), (None, b"")],
)
async def test_an_append_with_another_expected_cursor_is_fenced(
    sink: RedisSink, client: Redis, stored: bytes | None, expected: bytes | None
) -> None:
    if stored is not None:
        await client.set(KEYS.cursor, stored)
    before = await snapshot(client)
    assert await sink.append(replace(FIRST, expected_cursor=expected)) == Fenced(stored)
    assert await snapshot(client) == before


async def test_full_at_the_mark_and_not_before(sink: RedisSink, client: Redis) -> None:
    for _ in range(4):
        await client.xadd(KEYS.entries, {"event": "{}"})
    assert await sink.append(FIRST) == Stored(6)
    before = await snapshot(client)
    assert await sink.append(SECOND) == Full(6)
    assert await snapshot(client) == before


async def test_frames_without_events_move_the_cursor_of_a_full_stream(sink: RedisSink, client: Redis) -> None:
    await sink.append(FIRST)
    for _ in range(4):
        await client.xadd(KEYS.entries, {"event": "{}"})
    assert await sink.append(replace(SECOND, events=[])) == Stored(6)
    assert await client.get(KEYS.cursor) == b"6322875409"


@pytest.mark.parametrize("key", [KEYS.cursor, KEYS.entries, KEYS.health, KEYS.deadletter])
async def test_a_key_of_a_wrong_type_leaves_everything_as_it_was(sink: RedisSink, client: Redis, key: str) -> None:
    await client.lpush(key, "a list")
    with pytest.raises(SinkError, match="WRONGTYPE") as caught:
        await sink.append(FIRST)
    assert (caught.value.failure.reason, caught.value.failure.permanent) == (SinkReason.REFUSED, True)
    assert await client.keys("*") == [key.encode()]


async def test_an_edited_health_hash_does_not_stop_appends(sink: RedisSink, client: Redis) -> None:
    await client.hset(KEYS.health, mapping={"events": "many", "deadletters": ""})
    assert await sink.append(FIRST) == Stored(2)
    assert (await snapshot(client))["health"][b"events"] == b"2"


async def test_out_of_memory_stores_nothing_of_the_batch(own_redis: Callable[..., RedisServer]) -> None:
    server = own_redis(maxmemory="3mb")
    async with connect(server.url) as redis, server.connect() as client:
        sink = RedisSink(RedisCalls(redis), KEYS, high_water_mark=100_000)
        big = replace(FIRST, events=[b"x" * 1000] * 500)
        expected, number = None, 0
        while True:
            before = await snapshot(client)
            try:
                await sink.append(replace(big, batch_id=str(number), expected_cursor=expected, cursor=number))
            except SinkError as error:
                trouble = error.failure
                break
            expected, number = str(number).encode(), number + 1
        assert (trouble.reason, trouble.permanent, number > 0) == (SinkReason.OUT_OF_MEMORY, False, True)
        assert await snapshot(client) == before


async def test_a_batch_whose_answer_was_lost_is_stored_once(redis_server: RedisServer, client: Redis) -> None:
    async with Proxy(redis_server.port) as proxy, connect(proxy.url) as redis:
        sink = RedisSink(RedisCalls(redis), KEYS, high_water_mark=5)
        proxy.lose_answers_to = b"first"
        with pytest.raises(SinkError) as caught:
            await sink.append(FIRST)
        assert not caught.value.failure.permanent
        proxy.lose_answers_to = b""
        assert await sink.append(FIRST) == Stored(2)
        assert len((await snapshot(client))["stream"]) == 2


@pytest.mark.parametrize("options", [{}, {"requirepass": "secret"}])
async def test_a_wrong_password_is_a_permanent_failure(
    own_redis: Callable[..., RedisServer], options: dict[str, str]
) -> None:
    server = own_redis(**options)
    async with connect(f"redis://:wrong@127.0.0.1:{server.port}") as redis:
        with pytest.raises(SinkError) as caught:
            await RedisSink(RedisCalls(redis), KEYS, high_water_mark=5).append(FIRST)
    assert (caught.value.failure.reason, caught.value.failure.permanent) == (SinkReason.AUTH, True)
    assert "wrong" not in str(caught.value).replace("wrong number", "")


@pytest.mark.parametrize("missing", ["xadd", "set", "hset", "evalsha"])
async def test_a_missing_acl_right_is_reported(own_redis: Callable[..., RedisServer], missing: str) -> None:
    server = own_redis()
    needed = ["evalsha", "eval", "get", "set", "xlen", "xadd", "hmget", "hset", "ping"]
    server.client.acl_setuser(
        "sluice",
        enabled=True,
        passwords=["+pw"],
        keys=["firehose_live*"],
        commands=[f"+{name}" for name in needed],
    )
    async with connect(f"redis://sluice:pw@127.0.0.1:{server.port}") as redis:
        sink = RedisSink(RedisCalls(redis), KEYS, high_water_mark=5)
        assert await sink.append(FIRST) == Stored(2)
        await sink.write_health({"state": "streaming"})
        assert (await sink.read_cursor(), await sink.stream_length()) == (b"6322875402", 2)
        before = [server.client.xlen(KEYS.entries), server.client.hgetall(KEYS.health)]
        server.client.acl_setuser("sluice", enabled=True, commands=[f"-{missing}"])
        with pytest.raises(SinkError) as caught:
            await sink.append(SECOND)
    assert (caught.value.failure.reason, caught.value.failure.permanent) == (SinkReason.AUTH, True)
    assert [server.client.xlen(KEYS.entries), server.client.hgetall(KEYS.health)] == before
    assert server.client.get(KEYS.cursor) == "6322875402"


async def test_a_replica_is_backpressure(own_redis: Callable[..., RedisServer], redis_server: RedisServer) -> None:
    server = own_redis(replicaof=f"127.0.0.1 {redis_server.port}")
    async with connect(server.url) as redis:
        with pytest.raises(SinkError) as caught:
            await RedisSink(RedisCalls(redis), KEYS, high_water_mark=5).append(FIRST)
    assert caught.value.failure.reason in {SinkReason.READ_ONLY, SinkReason.LOADING}
    assert not caught.value.failure.permanent


async def test_a_refused_connection_is_backpressure(own_redis: Callable[..., RedisServer]) -> None:
    server = own_redis()
    server.kill()
    async with connect(server.url) as redis:
        with pytest.raises(SinkError) as caught:
            await RedisSink(RedisCalls(redis), KEYS, high_water_mark=5).append(FIRST)
    assert (caught.value.failure.reason, caught.value.failure.permanent) == (SinkReason.UNAVAILABLE, False)


async def test_a_unix_socket(own_redis: Callable[..., RedisServer], tmp_path: Any) -> None:
    path = tmp_path / "redis.sock"
    own_redis(unixsocket=str(path))
    async with connect(f"unix://{path}") as redis:
        assert await RedisSink(RedisCalls(redis), KEYS, high_water_mark=5).append(FIRST) == Stored(2)
