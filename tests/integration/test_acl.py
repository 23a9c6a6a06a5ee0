"""The ACL rights that the documentation lists suffice, and each of them is needed."""

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions

from e2e.relaysim.sim import RelaySim
from sluice_operator.api.cursor import CursorSpec
from sluice_operator.redis.cursor_writer import CursorError, delete_cursors, reset_cursor
from sluice_operator.redis.source_lists import delete_source_list, read_source_list, write_source_list
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.client import RedisClient
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.errors import SinkError, SinkReason
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import AppendRequest, DeadLetterEntry, Stored
from sluice_redis.sink.source_list import RedisSourceList
from sluice_redis.sink.stream_lengths import read_stream_lengths
from sluice_redis.sink.trim import trim_consumed
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, stored_events, until, until_cursor
from tests.integration.redis_kinds import Cluster, running
from tests.integration.redis_server import RedisServer

DOCS = (Path(__file__).parents[2] / "docs" / "redis.md").read_text()


def rights(user: str) -> list[str]:
    """The rights of `user` in the documentation."""
    (line,) = re.findall(rf"^ACL SETUSER {user} on >PASSWORD resetkeys resetchannels -@all (.*)$", DOCS, re.MULTILINE)
    return line.split()


INGESTER, OPERATOR = rights("sluice-ingester"), rights("sluice-operator")


@pytest.fixture
def server(own_redis: Callable[..., RedisServer]) -> RedisServer:
    return own_redis()


def admit(server: RedisServer, user: str, granted: list[str]) -> str:
    """Create `user` with exactly these rights. Returns the URL of the server for it."""
    client = server.client
    client.execute_command(
        "ACL", "SETUSER", user, "reset", "on", ">s3cret/", "resetkeys", "resetchannels", "-@all", *granted
    )
    client.execute_command("ACL", "LOG", "RESET")
    client.execute_command("SCRIPT", "FLUSH")
    client.flushall()
    return f"redis://{user}:s3cret%2F@127.0.0.1:{server.port}"


def denied(server: RedisServer) -> list[str]:
    log: Any = server.client.acl_log()
    return [f"{entry['reason']} {entry['object']}" for entry in log]


async def ingest(client: RedisClient, *, prefix: str = "") -> None:
    """Send every kind of command that an ingester sends."""
    for stream in Stream:
        sink = RedisSink(
            RedisCalls(client),
            StreamKeys(stream=stream, host="relay.test", prefix=prefix),
            high_water_mark=10,
            deduplicate_seconds=60,
        )
        await sink.check_eviction_policy()
        assert await sink.read_cursor() is None
        letter = DeadLetterEntry(seq="8", reason="FrameInvalid", detail="", payload=b"\xff")
        resyncs = [b"{}"] if stream is Stream.FIREHOSE else []
        first = AppendRequest(
            batch_id="1", expected_cursor=None, cursor=8, events=[b"{}"], dead_letters=[letter], resyncs=resyncs
        )
        assert isinstance(await sink.append(first), Stored)
        await sink.read_health("seq")
        await sink.stream_length()
        await sink.write_health({"state": "streaming"})
        assert await sink.reset_cursor(expected_cursor=b"8", cursor="0", health_fields={"lostFrom": "9"}) is None
        await trim_consumed(RedisCalls(client), sink.keys.entries)
        former = StreamKeys(stream=stream, host="new.test", prefix=prefix, former_hosts=("relay.test",))
        assert await RedisSink(RedisCalls(client), former, high_water_mark=10).rename_former_keys()
    assert await read_stream_lengths(RedisCalls(client), prefix=prefix)
    await client.execute_command("PING")  # a connection that was idle for long sends it


async def operate(url: str) -> None:
    """Send every kind of command that the operator sends. Raises PermissionError if a right is missing."""
    reader = RedisReader()
    try:
        for stream in Stream:
            keys = StreamKeys(stream=stream, host="relay.test")
            facts = await reader.read(url.encode(), keys, now=datetime.now(UTC))
            client = reader.client(url.encode())
            assert client is not None
            trouble = facts.failure or await reset_cursor(client, keys, CursorSpec(position="7", nonce="n"))
            if trouble:
                raise PermissionError(trouble)
            name = "sluice_sources:apps:pool-a-0:1"
            refused = await write_source_list(client, name, "1", {}) or (await read_source_list(client, name)).failure
            if refused := refused or await delete_source_list(client, name):
                raise PermissionError(refused.failure_message)
            try:
                assert await delete_cursors(client, [keys]) == [keys]
            except CursorError as error:
                raise PermissionError(str(error)) from error
    finally:
        await reader.close()


async def prepare(server: RedisServer) -> None:
    """Create consumer groups."""
    async with server.connect() as client:
        for stream in Stream:
            # Without a group, trimming sends no further command.
            await client.xgroup_create(stream, "group", mkstream=True)


async def consume(server: RedisServer) -> None:
    """Read an entry of each stream without an acknowledgement."""
    await prepare(server)
    async with server.connect() as client:
        for stream in Stream:
            await client.xadd(stream, {stream.field: "{}"})
            await client.xgroup_setid(stream, "group", "0")
            await client.xreadgroup("group", "consumer", {stream: ">"})


async def test_the_ingester_s_rights_suffice(server: RedisServer, tmp_path: Path) -> None:
    url = admit(server, "sluice-ingester", INGESTER)
    await prepare(server)
    async with connect(url) as client:
        await ingest(client)
    assert denied(server) == []

    server.client.flushall()
    async with (
        RelaySim(rate=0, limit=300, label_rate=0, label_limit=20) as sim,
        Ingester(
            tmp_path,
            url,
            sim.url,
            INGESTER_MODE="all",
            INGESTER_LABELER_HOSTS=sim.url,
            INGESTER_TRIM_CONSUMED="true",
            INGESTER_RESYNC_TO_BACKFILL="true",
        ) as ingester,
        server.connect() as client,
    ):
        await until_cursor(client, sim.host, sim.options.first_seq + 299)
        assert await stored_events(client) == expected_events(sim.journal)
        await until(lambda: client.xlen(Stream.LABELS))
        await until(lambda: client.xlen(Stream.BACKFILL))
        assert await ingester.terminate() == 0
    assert denied(server) == []


@pytest.mark.parametrize("right", INGESTER)
async def test_the_ingester_needs_each_right(server: RedisServer, right: str) -> None:
    url = admit(server, "sluice-ingester", [other for other in INGESTER if other != right])
    await prepare(server)
    refused = False
    async with connect(url) as client:
        try:
            await ingest(client)
        except SinkError as error:
            refused = error.failure.reason is SinkReason.AUTH
        except redis.exceptions.NoPermissionError:
            refused = True
    assert refused or denied(server)


@pytest.mark.parametrize("right", ["+xadd", "+set", "+hset"])
async def test_a_missing_right_is_found_before_the_first_write(server: RedisServer, right: str) -> None:
    url = admit(server, "sluice-ingester", [other for other in INGESTER if other != right])
    async with connect(url) as client:
        sink = RedisSink(RedisCalls(client), StreamKeys(stream=Stream.FIREHOSE, host="relay.test"), high_water_mark=10)
        with pytest.raises(SinkError, match=f"may not call {right[1:].upper()}") as caught:
            await sink.append(AppendRequest(batch_id="1", expected_cursor=None, cursor=8, events=[b"{}"]))
        assert caught.value.failure.permanent
    assert list(server.client.scan_iter()) == []


async def test_the_operator_s_rights_suffice(server: RedisServer) -> None:
    url = admit(server, "sluice-operator", OPERATOR)
    await consume(server)
    await operate(url)
    assert denied(server) == []


@pytest.mark.parametrize("right", OPERATOR)
async def test_the_operator_needs_each_right(server: RedisServer, right: str) -> None:
    url = admit(server, "sluice-operator", [other for other in OPERATOR if other != right])
    await consume(server)
    with contextlib.suppress(PermissionError):
        await operate(url)
        assert denied(server)


def list_rights(key: str) -> list[str]:
    """The further rights of an ingester with the source list at `key`."""
    (right, *keys) = re.findall(r"it also needs `(\S+)`, and rights on two keys: `(\S+)` and `(\S+)`", DOCS)[0]
    return [right, *(one.replace("LIST", key) for one in keys)]


async def follow_list(url: str, key: str) -> None:
    """Send every kind of command that a process with a source list sends besides those of its sources."""
    async with connect(url) as client:
        stored = RedisSourceList(RedisCalls(client), key)
        await stored.read_state()
        await stored.read()
        await stored.write_applied("1", "pod-1")


async def test_three_more_rights_suffice_for_a_source_list(server: RedisServer) -> None:
    url = admit(server, "sluice-ingester", [*INGESTER, *list_rights("my:list")])
    server.client.hset("my:list", "version", "1")
    await follow_list(url, "my:list")
    assert denied(server) == []
    assert server.client.get("my:list:applied") == "1 pod-1"


@pytest.mark.parametrize("number", range(3))
async def test_a_source_list_needs_each_of_these_rights(server: RedisServer, number: int) -> None:
    rights = list_rights("my:list")
    url = admit(server, "sluice-ingester", [*INGESTER, *rights[:number], *rights[number + 1 :]])
    with pytest.raises(SinkError) as caught:
        await follow_list(url, "my:list")
    assert caught.value.failure.reason is SinkReason.AUTH


async def test_two_more_rights_suffice_for_a_cluster(tmp_path: Path) -> None:
    (more,) = re.findall(r"a cluster needs `(\S+)` and `(\S+)`", DOCS)
    prefix = "{sluice}:"
    granted = [right.replace("~", f"~{prefix}") if "~" in right else right for right in [*INGESTER, *more]]
    cluster = Cluster(tmp_path)
    with running(cluster):
        for node in cluster.nodes:
            admit(node, "sluice-ingester", granted)
        url = cluster.url.replace("://", "://sluice-ingester:s3cret%2F@")
        async with connect(url) as client:
            await ingest(client, prefix=prefix)
        assert [denied(node) for node in cluster.nodes] == [[], [], []]
