"""Deduplication of two relays in one stream: each event once, in any interleaving, also after kills."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.deduplication import event_digest
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import AppendRequest, Stored
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import events, until
from tests.integration.redis_server import RedisServer

EAST, WEST = "east.test", "west.test"
Open = Callable[[str], RedisSink]


@pytest.fixture
async def sink(redis_server: RedisServer) -> AsyncIterator[Open]:
    async with connect(redis_server.url) as redis:

        def open_(host: str) -> RedisSink:
            keys = StreamKeys(stream=Stream.FIREHOSE, host=host)
            return RedisSink(RedisCalls(redis), keys, high_water_mark=100_000, deduplicate_seconds=3600)

        yield open_


TIME = "2026-11-24T12:00:00.000Z"


def text(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def account(seq: int, *, active: bool, time: str = TIME) -> bytes:
    return text({"type": "account", "seq": seq, "time": time, "did": "did:plc:a", "active": active, "status": None})


def sync(seq: int, rev: str, *, time: str = TIME) -> bytes:
    return text({"type": "sync", "seq": seq, "time": time, "did": "did:plc:a", "rev": rev})


def batch(name: str, expected: int | None, *events: bytes) -> AppendRequest:
    seq = json.loads(events[-1])["seq"]
    return AppendRequest(
        batch_id=name, expected_cursor=None if expected is None else str(expected).encode(), cursor=seq, events=events
    )


def test_seq_and_time_are_not_part_of_the_digest_and_all_else_is() -> None:
    one = sync(1, "3l")
    assert event_digest(one) == event_digest(sync(99, "3l", time="2026-11-25T00:00:00.000Z"))
    assert event_digest(one) != event_digest(sync(1, "3m"))
    assert event_digest(one) != event_digest(one.replace(b"did:plc:a", b"did:plc:b"))
    assert event_digest(one) != event_digest(one.replace(b'"sync"', b'"delete"'))


async def test_an_event_of_another_relay_is_left_out_and_the_cursor_moves(sink: Open, client: Redis) -> None:
    east, west = sink(EAST), sink(WEST)
    assert await east.append(batch("e", None, sync(1, "3l"), sync(2, "3m"))) == Stored(2)
    request = batch("w", None, sync(71, "3l"), sync(72, "3m"))
    assert await west.append(request) == Stored(2, 2)
    assert await west.append(request) == Stored(2)  # a repeated call
    assert await client.get(west.keys.cursor) == b"72"
    assert await client.hget(west.keys.health, "events") == b"0"


async def test_repeated_events_are_matched_one_to_one(sink: Open, client: Redis) -> None:
    """Three events, two of which have the same content."""
    east, west = sink(EAST), sink(WEST)
    there_and_back = [sync(1, "3l"), sync(2, "3m"), sync(3, "3l")]
    await east.append(batch("e", None, *there_and_back[:2]))
    assert await west.append(batch("w", None, *there_and_back)) == Stored(3, 2)
    assert await east.append(batch("e2", 2, there_and_back[2])) == Stored(3, 1)
    assert [event["rev"] for event in await events(client)] == ["3l", "3m", "3l"]


@pytest.mark.parametrize("time", [TIME, "2026-11-24T13:00:00.000Z"])
async def test_an_event_without_rev_is_never_left_out(sink: Open, client: Redis, time: str) -> None:
    """One relay fails while an account is inactive. Another one, which joined later, reports it as active again."""
    east, west = sink(EAST), sink(WEST)
    await east.append(batch("e", None, account(1, active=True), account(2, active=False)))
    assert await west.append(batch("w", None, account(71, active=True, time=time))) == Stored(3)
    identity = account(72, active=True).replace(b'"account"', b'"identity"')
    assert await west.append(batch("w2", 71, identity)) == Stored(4)
    assert await east.append(batch("e2", 2, identity.replace(b":72,", b":3,"))) == Stored(5)
    assert [event.get("active") for event in await events(client)][:3] == [True, False, True]


@pytest.mark.parametrize("right", ["hmget", "hset", "expire"])
async def test_a_missing_right_on_the_digests_is_found_before_the_first_write(
    own_redis: Callable[..., RedisServer], right: str
) -> None:
    server = own_redis()
    all_else = [other for other in ("hmget", "hset", "expire") if other != right]
    commands = ["eval", "evalsha", "get", "set", "xlen", "xadd", "hlen", *all_else]
    server.client.execute_command(
        *("ACL", "SETUSER", "poor", "on", ">pw", "resetkeys", "~firehose_live*"),
        *(f"+{command}" for command in commands),
        f"(+{right} ~firehose_live:health:*)",
    )
    async with connect(f"redis://poor:pw@127.0.0.1:{server.port}") as redis:
        keys = StreamKeys(stream=Stream.FIREHOSE, host=EAST)
        sink = RedisSink(RedisCalls(redis), keys, high_water_mark=10, deduplicate_seconds=3600)
        with pytest.raises(SinkError, match=f"may not call {right.upper()} on firehose_live:seen:") as caught:
            await sink.append(batch("e", None, account(1, active=True)))
    assert caught.value.failure.permanent
    assert list(server.client.scan_iter()) == []


async def test_a_requested_replay_is_stored_again(sink: Open, client: Redis) -> None:
    east = sink(EAST)
    await east.append(batch("e", None, sync(1, "3l")))
    await client.set(east.keys.cursor, "0")
    assert await east.append(batch("e2", 0, sync(1, "3l"))) == Stored(2)


async def test_a_refused_batch_stores_no_digest(sink: Open, client: Redis) -> None:
    east, west = sink(EAST), sink(WEST)
    await east.append(replace(batch("e", None, sync(1, "3l")), expected_cursor=b"7"))
    assert await west.append(batch("w", None, sync(1, "3l"))) == Stored(1)


async def test_digests_expire(sink: Open, client: Redis) -> None:
    await sink(EAST).append(batch("e", None, sync(1, "3l")))
    seen = [key async for key in client.scan_iter("firehose_live:seen:*")]
    assert len(seen) == 1
    assert 3600 < await client.ttl(seen[0]) <= 2 * 3600


async def test_thousands_of_events_in_one_batch(sink: Open, client: Redis) -> None:
    events = [sync(seq, "3l").replace(b"did:plc:a", b"did:plc:%d" % seq) for seq in range(1, 5_001)]
    assert await sink(EAST).append(batch("e", None, *events[:3_000])) == Stored(3_000)
    assert await sink(WEST).append(batch("w", None, *events)) == Stored(5_000, 3_000)


def content(found: list[dict[str, Any]], *, with_rev: bool) -> Counter[str]:
    chosen = [event for event in found if ("rev" in event) is with_rev]
    return Counter(json.dumps({k: v for k, v in event.items() if k not in {"seq", "time"}}) for event in chosen)


async def test_two_relays_of_one_network(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """Two relays send the same commits with other seqs. One ingester is killed repeatedly.

    Events without rev are stored twice.
    """
    async with (
        RelaySim(rate=150, limit=900, first_seq=1_000) as east,
        RelaySim(rate=150, limit=900, first_seq=5_000_000) as west,
    ):
        settings = {"INGESTER_MODE": "firehose", "INGESTER_DEDUPLICATE_SECONDS": "3600"}
        async with (
            Ingester(tmp_path, redis_server.url, east.url, **settings),
            Ingester(tmp_path, redis_server.url, west.url, **settings) as killed,
        ):
            for _ in range(3):
                await until(lambda: longer(client, await_more=50))
                await killed.kill()
                await killed.start()

            async def both_read() -> bool:
                cursors = [await client.get(f"firehose_live:cursor:{sim.host}") for sim in (east, west)]
                return cursors == [b"1899", b"5000899"]

            await until(both_read)
            found = await events(client)
    async with RelaySim(rate=0, limit=900, first_seq=1_000) as alone:
        await client.flushall()
        async with Ingester(tmp_path, redis_server.url, alone.url, INGESTER_MODE="firehose"):

            async def read() -> bool:
                return await client.get(f"firehose_live:cursor:{alone.host}") == b"1899"

            await until(read)
            alone_told = await events(client)
            assert content(found, with_rev=True) == content(alone_told, with_rev=True)
            without_rev = content(alone_told, with_rev=False)
            assert content(found, with_rev=False) == without_rev + without_rev


async def longer(client: Redis, *, await_more: int) -> bool:
    return await client.xlen("firehose_live") > await_more
