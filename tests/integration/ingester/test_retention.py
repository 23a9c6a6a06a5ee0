"""Trimming: entries that all consumer groups have finished are deleted; entries that a group needs stay."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.trim import MAX_PENDING_SCANNED, MAX_REMOVED, trim_consumed
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import BriefEvent, expected_events, health, stored_events, until, until_state
from tests.integration.redis_server import RedisServer

STREAM = "firehose_live"
GROUP = "firehose_group"


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Any]:
    async with connect(redis_server.url) as client:
        yield client


async def fill(client: Redis, count: int) -> list[bytes]:
    pipe = client.pipeline(transaction=False)
    for number in range(count):
        pipe.xadd(STREAM, {"event": str(number)})
    ids: list[bytes] = await pipe.execute()
    return ids


async def group(client: Redis, name: str = GROUP) -> None:
    await client.xgroup_create(STREAM, name, id="0", mkstream=True)


async def read(client: Redis, count: int, name: str = GROUP, *, ack: bool = True) -> list[bytes]:
    answer: Any = await client.xreadgroup(name, "one", {STREAM: ">"}, count=count)
    ids = [id_ for id_, _ in answer[0][1]]
    if ack:
        await client.xack(STREAM, name, *ids)
    return ids


async def remaining_ids(client: Redis) -> list[bytes]:
    entries: Any = await client.xrange(STREAM)
    return [id_ for id_, _ in entries]


async def test_without_groups_nothing_is_trimmed(redis: Redis, client: Redis) -> None:
    assert await trim_consumed(RedisCalls(redis), STREAM) == 0
    ids = await fill(client, 500)
    assert await trim_consumed(RedisCalls(redis), STREAM) == 0
    assert await remaining_ids(client) == ids


async def test_a_group_that_has_read_nothing_keeps_everything(redis: Redis, client: Redis) -> None:
    await group(client)
    ids = await fill(client, 500)
    assert await trim_consumed(RedisCalls(redis), STREAM) == 0
    assert await remaining_ids(client) == ids


@pytest.mark.parametrize("count", [1, 50, 350, 500])
async def test_acknowledged_entries_are_trimmed_and_the_others_stay(redis: Redis, client: Redis, count: int) -> None:
    await group(client)
    ids = await fill(client, 500)
    await read(client, count)
    while await trim_consumed(RedisCalls(redis), STREAM):
        pass
    assert await remaining_ids(client) == ids[count:]
    assert len(await read(client, 500, ack=False) if count < 500 else []) == 500 - count


async def test_a_pending_entry_stays_and_so_do_all_after_it(redis: Redis, client: Redis) -> None:
    await group(client)
    ids = await fill(client, 500)
    await read(client, 400, ack=False)
    await client.xack(STREAM, GROUP, *ids[:200], *ids[201:400])
    while await trim_consumed(RedisCalls(redis), STREAM):
        pass
    assert await remaining_ids(client) == ids[200:]


async def test_entries_that_another_group_needs_stay(redis: Redis, client: Redis) -> None:
    await group(client)
    await group(client, "slow")
    ids = await fill(client, 500)
    await read(client, 500)
    await read(client, 130, "slow")
    while await trim_consumed(RedisCalls(redis), STREAM):
        pass
    assert await remaining_ids(client) == ids[130:]


async def test_entries_after_the_position_of_a_group_that_was_set_back_stay(redis: Redis, client: Redis) -> None:
    await group(client)
    ids = await fill(client, 500)
    await read(client, 300, ack=False)
    await client.xack(STREAM, GROUP, *ids[:250])
    await client.xgroup_setid(STREAM, GROUP, ids[99])
    while await trim_consumed(RedisCalls(redis), STREAM):
        pass
    assert await remaining_ids(client) == ids[100:]


async def all_trimmed(redis: Redis) -> None:
    while await trim_consumed(RedisCalls(redis), STREAM):
        pass


async def test_deleted_entries_that_were_never_acknowledged_do_not_stop_trimming(redis: Redis, client: Redis) -> None:
    await group(client)
    ids = await fill(client, 500)
    await read(client, 400, ack=False)
    await client.xdel(STREAM, *ids[:3], ids[7])
    await client.xack(STREAM, GROUP, *ids[3:7], *ids[8:300])
    await all_trimmed(redis)
    assert await remaining_ids(client) == ids[300:]
    await client.xdel(STREAM, *ids[300:400])
    await all_trimmed(redis)
    assert await remaining_ids(client) == ids[400:]
    assert (await client.xpending(STREAM, GROUP))["pending"] == 104  # consumers have to clear these themselves


async def test_a_group_that_only_deletes_does_not_stop_trimming(redis: Redis, client: Redis) -> None:
    """One group deletes and never acknowledges, another only acknowledges. Entries that both finished are trimmed."""
    await group(client)
    await group(client, "acks")
    ids = await fill(client, 300)
    await read(client, 300, ack=False)
    await read(client, 200, "acks")
    await client.xdel(STREAM, *ids[0:150:2])
    await client.xack(STREAM, GROUP, *ids[1:150:2])
    await all_trimmed(redis)
    assert await remaining_ids(client) == ids[150:]


async def test_trimming_when_all_pending_entries_are_deleted(redis: Redis, client: Redis) -> None:
    await group(client)
    ids = await fill(client, 300)
    await read(client, 200, ack=False)
    await client.xack(STREAM, GROUP, *ids[150:200])
    await client.xdel(STREAM, *ids[:150])
    await all_trimmed(redis)
    assert await remaining_ids(client) == ids[200:]


async def test_a_long_pending_list_of_deleted_entries_is_walked_in_several_calls(redis: Redis, client: Redis) -> None:
    await group(client)
    ids = [one for _ in range(4) for one in await fill(client, 10_000)]
    await read(client, 40_000, ack=False)
    await client.xdel(STREAM, *ids[:20_000])  # a range without entries
    partly_deleted = ids[20_000:30_000]
    await client.xdel(STREAM, *partly_deleted[::2])  # every second entry
    await client.xack(STREAM, GROUP, *partly_deleted[1::2])
    await client.config_resetstat()
    calls = 0
    while await trim_consumed(RedisCalls(redis), STREAM):
        calls += 1
    assert await remaining_ids(client) == ids[30_000:]
    assert calls >= 4  # no single call walks through all of them
    stats = await client.info("commandstats")
    assert stats["cmdstat_xpending"]["calls"] <= (calls + 1) * (MAX_PENDING_SCANNED + 1)
    assert stats["cmdstat_xpending"]["calls"] < 10_000


async def test_many_groups_share_the_limit_of_one_call(redis: Redis, client: Redis) -> None:
    names = [f"group-{number}" for number in range(50)]
    for name in names:
        await group(client, name)
    ids = await fill(client, 400)
    for name in names:
        await read(client, 300, name, ack=False)
        await client.xack(STREAM, name, *ids[1:200:2])
    await client.xdel(STREAM, *ids[0:200:2])
    await all_trimmed(redis)
    assert await remaining_ids(client) == ids[200:]


async def test_a_deleted_consumer_does_not_stop_trimming(redis: Redis, client: Redis) -> None:
    await group(client)
    ids = await fill(client, 200)
    await read(client, 100, ack=False)
    await client.xgroup_delconsumer(STREAM, GROUP, "one")
    await all_trimmed(redis)
    assert await remaining_ids(client) == ids[100:]


async def test_a_group_ahead_of_the_stream_stops_trimming(redis: Redis, client: Redis) -> None:
    """It counts as having read entries that it never gets. Nothing is trimmed until its position is corrected."""
    await group(client)
    ids = await fill(client, 100)
    await client.xgroup_setid(STREAM, GROUP, "18446744073709551615-18446744073709551615")
    assert await trim_consumed(RedisCalls(redis), STREAM) == 0
    assert await remaining_ids(client) == ids
    await client.xgroup_setid(STREAM, GROUP, ids[49])
    await all_trimmed(redis)
    assert await remaining_ids(client) == ids[50:]


async def test_a_user_with_the_rights_of_an_older_version_can_trim(own_redis: Callable[..., RedisServer]) -> None:
    """Without the right to read entries, every pending entry stays; the others are trimmed."""
    server = own_redis()
    rights = ["+eval", "+evalsha", "+exists", "+xinfo|groups", "+xpending", "+xtrim"]
    server.client.execute_command("ACL", "SETUSER", "old", "on", ">x", "~*", "-@all", *rights)
    async with server.connect() as client, connect(f"redis://old:x@127.0.0.1:{server.port}") as sink:
        await group(client)
        ids = await fill(client, 100)
        await read(client, 100, ack=False)
        await client.xack(STREAM, GROUP, *ids[:20], *ids[21:])
        await all_trimmed(sink)
        assert await remaining_ids(client) == ids[20:]
        await client.xdel(STREAM, ids[20])
        await all_trimmed(sink)
        assert await remaining_ids(client) == ids[21:]


async def test_the_reason_why_a_stream_is_not_trimmed_is_logged(
    own_redis: Callable[..., RedisServer], tmp_path: Path
) -> None:
    server = own_redis()
    server.client.execute_command("ACL", "SETUSER", "ingester", "on", ">x", "~*", "+@all", "-xtrim")
    url = f"redis://ingester:x@127.0.0.1:{server.port}"
    async with (
        RelaySim(rate=0, limit=20) as sim,
        server.connect() as client,
        Ingester(tmp_path, url, sim.url, INGESTER_TRIM_CONSUMED="true") as ingester,
    ):
        await until(lambda: longer(client, 0))
        await group(client)
        await read(client, 10)

        async def is_reported() -> bool:
            return any(
                "nothing is trimmed in firehose_live: Redis: The user executing the script" in one["message"]
                for one in ingester.lines
            )

        await until(is_reported)


async def test_ids_of_any_size_are_compared_as_numbers(redis: Redis, client: Redis) -> None:
    ids = [b"9-9", b"10-1", b"10-18446744073709551615", b"1526919030474-3"]
    await group(client)
    for id_ in ids:
        await client.xadd(STREAM, {"event": "{}"}, id=id_)
    await read(client, 3)
    while await trim_consumed(RedisCalls(redis), STREAM):
        pass
    assert await remaining_ids(client) == ids[2:]  # the highest seq has no successor: its entry stays


async def test_one_call_is_bounded(redis: Redis, client: Redis) -> None:
    await group(client)
    for _ in range(5):
        await fill(client, 5_000)
    await read(client, 25_000)
    first = await trim_consumed(RedisCalls(redis), STREAM)
    assert MAX_REMOVED // 2 < first <= MAX_REMOVED
    while await trim_consumed(RedisCalls(redis), STREAM):
        pass
    assert await remaining_ids(client) == []


async def test_a_full_redis_is_trimmed(own_redis: Callable[..., RedisServer]) -> None:
    server = own_redis()
    async with server.connect() as client, connect(server.url) as sink:
        await group(client)
        await fill(client, 2_000)
        await read(client, 2_000)
        await client.config_set("maxmemory", "1mb")
        assert await trim_consumed(RedisCalls(sink), STREAM) == 2_000


async def consume(client: Redis, *, pause: Sequence[asyncio.Event], received: list[BriefEvent]) -> None:
    """Consume as rsky's indexer does: with its group, in order; acknowledge and delete each message."""
    (may_read,) = pause
    while True:
        await may_read.wait()
        answer: Any = await client.xreadgroup(GROUP, "indexer_1", {STREAM: ">"}, count=500, block=200)
        for id_, fields in answer[0][1] if answer else ():
            event = json.loads(fields[b"event"])
            path = f"{event['collection']}/{event['rkey']}" if "rkey" in event else ""
            received.append((event["seq"], event["type"], path))
            await client.xack(STREAM, GROUP, id_)
            await client.xdel(STREAM, id_)


async def acknowledge(client: Redis, *, pause: Sequence[asyncio.Event], received: list[BriefEvent]) -> None:
    """Consume and only acknowledge: the ingester trims the stream."""
    (may_read,) = pause
    while True:
        await may_read.wait()
        answer: Any = await client.xreadgroup(GROUP, "one", {STREAM: ">"}, count=500, block=200)
        for id_, fields in answer[0][1] if answer else ():
            event = json.loads(fields[b"event"])
            path = f"{event['collection']}/{event['rkey']}" if "rkey" in event else ""
            received.append((event["seq"], event["type"], path))
            await client.xack(STREAM, GROUP, id_)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("consumer", "trims"), [(consume, "false"), (acknowledge, "true")], ids=["rsky", "acks only"])
async def test_a_stream_reaches_the_mark_and_drains(
    redis_server: RedisServer, client: Redis, tmp_path: Path, consumer: Any, trims: str
) -> None:
    """The stream fills up under load. Then a group catches up and gets everything, once, in order."""
    await group(client)
    received: list[BriefEvent] = []
    may_read = asyncio.Event()
    async with RelaySim(rate=150, window=50_000) as sim:
        ingester = Ingester(
            tmp_path,
            redis_server.url,
            sim.url,
            speed=5,
            INGESTER_MODE="firehose",
            INGESTER_HIGH_WATER_MARK="1000",
            INGESTER_TRIM_CONSUMED=trims,
        )
        consuming = asyncio.create_task(consumer(client, pause=[may_read], received=received))
        async with ingester:
            await until_state(client, sim.host, "backpressure", "HighWaterMark")
            for _ in range(125):  # 25 s on the ingester's clock: much longer than it keeps a connection without reading
                await asyncio.sleep(0.04)
                assert await client.xlen(STREAM) < 1000 + 2 * 500
            assert not received
            may_read.set()
            await asyncio.sleep(0.6)
            sim.pause()

            async def caught_up() -> bool:
                stored = await client.get(f"firehose_live:cursor:{sim.host}")
                return stored == str(sim.repos.next_seq - 1).encode() and await client.xlen(STREAM) == 0

            await until(caught_up, within=300)
        consuming.cancel()
        assert received == expected_events(sim.journal)


async def test_reading_resumes_at_nine_tenths_of_the_mark(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(paused=True, prefill=300) as sim:
        mark = len(expected_events(sim.journal)) // 2
        settings = {"INGESTER_MODE": "firehose", "INGESTER_HIGH_WATER_MARK": str(mark), "INGESTER_BATCH_SIZE": "10"}
        async with Ingester(tmp_path, redis_server.url, sim.url, **settings):
            await until_state(client, sim.host, "backpressure", "HighWaterMark")
            ids, before = await remaining_ids(client), await stored_events(client)
            keep = mark * 9 // 10
            await client.xdel(STREAM, *ids[: len(ids) - keep - 1])
            await asyncio.sleep(4)
            assert await client.xlen(STREAM) == keep + 1
            await client.xdel(STREAM, ids[len(ids) - keep - 1])
            await until(lambda: longer(client, keep))
            assert (await stored_events(client))[:keep] == before[-keep:]


async def longer(client: Redis, length: int) -> bool:
    return await client.xlen(STREAM) > length


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_redis_that_evicts_is_refused(
    own_redis: Callable[..., RedisServer], tmp_path: Path, policy: str
) -> None:
    server = own_redis(maxmemory_policy=policy)
    async with (
        RelaySim(rate=50) as sim,
        server.connect() as client,
        Ingester(tmp_path, server.url, sim.url, speed=4, INGESTER_MODE="firehose"),
    ):
        await until_state(client, sim.host, "halted", "RedisEvicts")
        assert f"maxmemory-policy {policy}" in (await health(client, sim.host))["message"]
        assert await client.xlen(STREAM) == 0
        await client.config_set("maxmemory-policy", "noeviction")
        await until_state(client, sim.host, "streaming")
        await until(lambda: longer(client, 0))
        await client.config_set("maxmemory-policy", policy)
        await until_state(client, sim.host, "halted", "RedisEvicts")


async def test_a_user_without_the_right_to_read_the_eviction_policy_is_not_halted(
    own_redis: Callable[..., RedisServer], tmp_path: Path
) -> None:
    server = own_redis()
    server.client.execute_command("ACL", "SETUSER", "ingester", "on", ">x", "~*", "+@all", "-info", "-config")
    url = f"redis://ingester:x@127.0.0.1:{server.port}"
    async with (
        RelaySim(rate=50) as sim,
        server.connect() as client,
        Ingester(tmp_path, url, sim.url, INGESTER_MODE="firehose"),
    ):
        await until_state(client, sim.host, "streaming")
        await until(lambda: longer(client, 0))
