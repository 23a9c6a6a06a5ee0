"""What an observation contains about a stream and its consumer groups, and its cost for Redis, with real servers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sluice_operator.observed.facts.redis import RedisStreamFacts
from sluice_operator.redis.stream_details import MAX_GROUPS
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.contract import Stream, StreamKeys
from tests.integration.redis_kinds import Cluster, running
from tests.integration.redis_server import RedisServer

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.example:2470")
ENTRIES = KEYS.entries


@pytest.fixture
async def reader() -> AsyncIterator[RedisReader]:
    """A reader that reads the details at each observation."""
    reader = RedisReader(details_interval_seconds=0)
    yield reader
    await reader.close()


async def observe(reader: RedisReader, url: str, keys: StreamKeys = KEYS) -> RedisStreamFacts:
    facts = await reader.read(url.encode(), keys, now=datetime.now(UTC))
    assert facts.failure is None, facts.failure_message
    assert facts.stream is not None
    return facts.stream


def fill(client: Any, count: int, *, key: str = ENTRIES) -> None:
    for number in range(count):
        client.xadd(key, {"event": f"{number:0100}"})


async def test_a_missing_stream_has_no_numbers(reader: RedisReader, redis_server: RedisServer) -> None:
    assert await observe(reader, redis_server.url) == RedisStreamFacts(bytes=None, groups=(), consumers_lag=None)


async def test_groups_have_lag_and_pending_entries(reader: RedisReader, redis_server: RedisServer) -> None:
    client = redis_server.client
    fill(client, 10)
    client.xgroup_create(ENTRIES, "idle", id="0")
    client.xgroup_create(ENTRIES, "busy", id="0")
    ((_, read),) = client.xreadgroup("busy", "one", {ENTRIES: ">"}, count=4)
    client.xack(ENTRIES, "busy", read[0][0])
    await asyncio.sleep(0.5)
    client.xreadgroup("busy", "two", {ENTRIES: ">"}, count=1)

    found = await observe(reader, redis_server.url)
    busy, idle = found.groups
    assert (idle.name, idle.consumers, idle.lag, idle.pending, idle.oldest_pending_seconds) == ("idle", 0, 10, 0, None)
    assert (busy.name, busy.consumers, busy.lag, busy.pending) == ("busy", 2, 5, 4)
    assert busy.oldest_pending_seconds is not None
    assert 0.5 <= busy.oldest_pending_seconds < 10
    assert found.consumers_lag == 10
    assert found.bytes is not None
    assert found.bytes == client.memory_usage(ENTRIES, samples=5)
    assert found.bytes > 1000

    client.xack(ENTRIES, "busy", *[name for name, _ in read])
    claimed = time.monotonic()
    client.xclaim(ENTRIES, "busy", "one", 0, [client.xpending_range(ENTRIES, "busy", "-", "+", 1)[0]["message_id"]])
    busy = (await observe(reader, redis_server.url)).groups[0]
    assert busy.pending == 1
    assert busy.oldest_pending_seconds is not None
    assert busy.oldest_pending_seconds < time.monotonic() - claimed + 0.1


async def test_an_unknown_lag_is_absent(reader: RedisReader, redis_server: RedisServer) -> None:
    client = redis_server.client
    names = [client.xadd(ENTRIES, {"event": "{}"}) for _ in range(5)]
    client.xgroup_create(ENTRIES, "one", id="0")
    client.xdel(ENTRIES, names[2])
    found = await observe(reader, redis_server.url)
    assert (found.groups[0].lag, found.consumers_lag) == (None, None)


async def test_of_many_groups_those_with_the_highest_lag_are_reported(
    reader: RedisReader, redis_server: RedisServer
) -> None:
    client = redis_server.client
    for number in range(100):
        client.xgroup_create(ENTRIES, f"group-{number:03}", id="$", mkstream=True)
        fill(client, 1)
    found = await observe(reader, redis_server.url)
    assert [group.name for group in found.groups] == [f"group-{number:03}" for number in range(MAX_GROUPS)]
    assert found.consumers_lag == 100


async def test_group_names_that_are_not_text_stay_different(reader: RedisReader, redis_server: RedisServer) -> None:
    for name in (b"\xff", b"\xfe", b"x" * 400, b"x" * 500):
        redis_server.client.xgroup_create(ENTRIES, name, id="$", mkstream=True)
    names = [group.name for group in (await observe(reader, redis_server.url)).groups]
    assert len(names) == len(set(names)) == 2


@pytest.mark.parametrize(
    ("denied", "absent"),
    [
        ("memory|usage", {"bytes": None}),
        ("xinfo|groups", {"groups": (), "consumers_lag": None}),
        ("xpending", {"oldest_pending_seconds": None}),
    ],
)
async def test_a_number_without_the_right_to_read_it_is_absent(
    reader: RedisReader, own_redis: Callable[..., RedisServer], denied: str, absent: dict[str, Any]
) -> None:
    server = own_redis()
    fill(server.client, 3)
    server.client.xgroup_create(ENTRIES, "group", id="0")
    server.client.xreadgroup("group", "one", {ENTRIES: ">"}, count=1)
    server.client.acl_setuser("poor", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all"])
    url = f"redis://poor:pw@127.0.0.1:{server.port}"
    whole = await observe(reader, url)
    server.client.acl_setuser("poor", enabled=True, commands=[f"-{denied}"])
    found = await observe(reader, url)
    of_a_group = {name: value for name, value in absent.items() if name == "oldest_pending_seconds"}
    groups = tuple(replace(group, **of_a_group) for group in found.groups)
    assert replace(found, groups=groups) == found
    assert all(getattr(found, name) == value for name, value in absent.items() if name not in of_a_group)
    assert whole.bytes
    assert whole.groups[0].oldest_pending_seconds is not None


async def test_observations_share_the_details_of_a_stream(redis_server: RedisServer) -> None:
    reader, client = RedisReader(details_interval_seconds=60), redis_server.client
    fill(client, 3)
    client.xgroup_create(ENTRIES, "group", id="0")
    client.xreadgroup("group", "one", {ENTRIES: ">"}, count=1)
    client.config_resetstat()
    try:
        for number in range(10):
            keys = StreamKeys(stream=Stream.FIREHOSE, host=f"relay{number % 2}.example")
            assert (await observe(reader, redis_server.url, keys)).consumers_lag == 2
    finally:
        await reader.close()
    calls = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
    assert calls["cmdstat_get"] == 10
    assert (calls["cmdstat_memory|usage"], calls["cmdstat_xinfo|groups"], calls["cmdstat_xpending"]) == (1, 1, 1)


@pytest.mark.timeout(120)
async def test_in_a_cluster(reader: RedisReader, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    keys = StreamKeys(stream=Stream.FIREHOSE, host="relay.example", prefix="{sluice}:")
    with running(cluster):
        owner = cluster.owner(keys.cursor).client
        fill(owner, 3, key=keys.entries)
        owner.xgroup_create(keys.entries, "group", id="0")
        owner.xreadgroup("group", "one", {keys.entries: ">"}, count=1)
        found = await observe(reader, cluster.url, keys)
    assert found.bytes
    (group,) = found.groups
    assert (group.lag, group.pending) == (2, 1)
    assert group.oldest_pending_seconds is not None
