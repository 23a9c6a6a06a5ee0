"""Hosts with several spellings: one HOST in Redis, in the status and for the detection of duplicates."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sluice_operator.api.cursor import CursorSpec
from sluice_operator.observed.facts.redis import SinkFacts
from sluice_operator.redis.cursor_writer import reset_cursor
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.client import RedisClient
from sluice_redis.contract import Stream, StreamKeys
from tests.integration.operator.duplicate_source import wait_next_timestamp
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.redis_server import RedisServer

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.test", former_hosts=("relay.test:443",))
(OLD,) = KEYS.former_keys
EARLY, LATE = "2026-11-28T12:00:00.000Z", "2026-11-28T12:00:05.000Z"
RESET = CursorSpec(position="3", nonce="first")


@pytest.fixture
async def reader() -> AsyncIterator[RedisReader]:
    reader = RedisReader()
    yield reader
    await reader.close()


@pytest.fixture
def client(reader: RedisReader, redis_server: RedisServer) -> RedisClient:
    client = reader.client(redis_server.url.encode())
    assert client is not None
    return client


async def observe(reader: RedisReader, redis_server: RedisServer) -> SinkFacts:
    return await reader.read(redis_server.url.encode(), KEYS, now=datetime.now(UTC))


async def put(client: Any, keys: StreamKeys, cursor: str | None, **fields: str) -> None:
    if cursor is not None:
        await client.set(keys.cursor, cursor)
    if fields:
        await client.hset(keys.health, mapping=fields)


async def test_the_keys_of_an_older_ingester_are_read(
    reader: RedisReader, redis_server: RedisServer, client: RedisClient
) -> None:
    await put(client, OLD, "7", beat=EARLY, events="40", pod="old")
    facts = await observe(reader, redis_server)
    assert facts.health is not None
    assert (facts.cursor, facts.health.pod, facts.health.events) == ("7", "old", 40)
    await put(client, KEYS, None, beat=LATE, pod="new")  # it has not renamed the cursor yet
    facts = await observe(reader, redis_server)
    assert facts.health is not None
    assert (facts.cursor, facts.health.pod) == ("7", "new")
    await put(client, KEYS, "8")
    facts = await observe(reader, redis_server)
    assert facts.health is not None
    assert (facts.cursor, facts.health.pod) == ("8", "new")


async def test_a_reset_reaches_an_older_ingester(client: RedisClient) -> None:
    await put(client, OLD, "7", beat=EARLY)
    for _ in range(2):
        assert await reset_cursor(client, KEYS, RESET) == ""
        assert await client.get(OLD.cursor) == b"3"
        assert await client.hget(OLD.health, "resetFrom") == b"7"  # type: ignore[misc]
        assert await client.exists(KEYS.cursor) == 0


async def test_a_leftover_does_not_undo_a_reset(client: RedisClient) -> None:
    await put(client, KEYS, "9")
    await put(client, OLD, "99", beat=EARLY)
    assert await reset_cursor(client, KEYS, RESET) == ""
    assert await client.get(KEYS.cursor) == b"3"
    assert await client.exists(OLD.cursor, OLD.health) == 0
    await client.set(KEYS.cursor, "5")
    assert await reset_cursor(client, KEYS, RESET) == ""
    assert await client.get(KEYS.cursor) == b"5"


def test_the_status_and_the_deletion_use_the_former_keys_too(situation: Situation) -> None:
    name = situation.namespace
    situation.redis.set(f"firehose_live:cursor:{name}.example:443", "7")
    situation.redis.hset(f"firehose_live:health:{name}.example:443", "beat", EARLY)
    situation.apply_relay(host=f"https://{name}.Example:443", deletionPolicy="DeleteCursor")
    eventually(lambda: situation.status()["firehose"]["cursor"] == "7")
    assert situation.status()["host"] == f"{name}.example"
    situation.apply_relay(host=f"ws://{name}.example:80", deletionPolicy="DeleteCursor")
    situation.apply_relay(host=f"{name}.example:443", deletionPolicy="DeleteCursor")
    situation.delete("Relay", NAME)
    eventually(lambda: NAME not in situation.names("Relay"))
    assert situation.redis.keys(f"*{name}*") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ws://{}.example", "ws://{}.example:80"),
        ("{}.example:443", "{}.example"),
        ("wss://{}.EXAMPLE", "http://{}.example:80"),
        ("[2001:db8::7]:443", "[2001:0DB8:0:0:0:0:0:7]"),
    ],
)
def test_two_spellings_are_one_source(situation: Situation, one: str, other: str) -> None:
    redis = {"keyPrefix": f"{situation.namespace}:"}

    def apply(name: str, host: str) -> None:
        metadata = {"name": name, "namespace": situation.namespace}
        spec = {"host": host.format(situation.namespace), "redis": redis}
        situation.control_plane.apply(
            {"apiVersion": "sluice.dev/v1alpha1", "kind": "Relay", "metadata": metadata, "spec": spec}
        )

    apply("older", one)
    wait_next_timestamp()
    apply("younger", other)

    def stalled() -> bool:
        conditions = situation.get("Relay", "younger")["status"]["conditions"]
        return any(item["type"] == "Stalled" and item["reason"] == "DuplicateSource" for item in conditions)

    eventually(stalled)
    found = situation.get("Relay", "older")["status"]
    assert not any(item["reason"] == "DuplicateSource" for item in found["conditions"])
    assert found["host"] == situation.get("Relay", "younger")["status"]["host"]
    for name in ("older", "younger"):
        situation.delete("Relay", name)
