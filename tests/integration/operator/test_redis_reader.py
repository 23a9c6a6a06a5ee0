"""The operator's observation of Redis, with real servers in all their states."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sluice_operator.api.source_spec import CABundle
from sluice_operator.observed.ca_bundle import ca_certificates
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.redis import stream_reader as reader_module
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.contract import HealthField, SourceState, Stream, StreamKeys
from tests.integration.ports import free_port
from tests.integration.redis_kinds import Cluster, SentinelTrio, TlsServer, running, wait
from tests.integration.redis_server import RedisServer

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.example:2470")
TIMEOUT_SECONDS = reader_module.TIMEOUT_SECONDS


@pytest.fixture
async def reader(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisReader]:
    """A reader with a long timeout. Another test is about the timeout."""
    monkeypatch.setattr(reader_module, "TIMEOUT_SECONDS", 20.0)
    reader = RedisReader()
    yield reader
    await reader.close()


def now() -> datetime:
    return datetime.now(UTC)


async def test_everything_that_an_ingester_wrote_is_read_at_once(
    reader: RedisReader, redis_server: RedisServer
) -> None:
    client = redis_server.client
    client.set(KEYS.cursor, "6322875501")
    client.hset(
        KEYS.health,
        mapping={HealthField.STATE: SourceState.STREAMING, HealthField.BEAT: now().isoformat(), HealthField.POD: "p"},
    )
    for seq in range(3):
        client.xadd(KEYS.entries, {"event": str(seq)})
    client.xadd(KEYS.deadletter, {"reason": "FrameInvalid"})

    calls = client.info("commandstats")["cmdstat_get"]["calls"] if "cmdstat_get" in client.info("commandstats") else 0
    facts = await reader.read(redis_server.url.encode(), KEYS, now=now())

    assert (facts.failure, facts.recovered_seconds) == (None, None)
    assert (facts.cursor, facts.length, facts.dead_letters) == ("6322875501", 3, 1)
    assert facts.health is not None
    assert (facts.health.state, facts.health.pod) == (SourceState.STREAMING, "p")
    assert facts.health.silent_seconds is not None
    assert facts.health.silent_seconds < 5
    assert client.info("commandstats")["cmdstat_get"]["calls"] == calls + 1


async def test_too_long_values_are_cut(reader: RedisReader, redis_server: RedisServer) -> None:
    endless = "x" * 2_000_000
    redis_server.client.set(KEYS.cursor, endless)
    redis_server.client.hset(KEYS.health, mapping={HealthField.MESSAGE: endless, HealthField.LAST_ERROR: endless})
    facts = await reader.read(redis_server.url.encode(), KEYS, now=now())
    assert facts.health is not None
    for text in (facts.cursor, facts.health.message, facts.health.last_error):
        assert text == endless[:4096]


async def test_an_empty_redis_is_no_failure(reader: RedisReader, redis_server: RedisServer) -> None:
    facts = await reader.read(redis_server.url.encode(), KEYS, now=now())
    assert (facts.failure, facts.cursor, facts.length, facts.health) == (None, None, 0, None)


async def test_an_observation_writes_nothing(reader: RedisReader, redis_server: RedisServer) -> None:
    await reader.read(redis_server.url.encode(), KEYS, now=now())
    assert redis_server.client.keys() == []


async def test_a_wrong_password_is_not_in_the_message(
    reader: RedisReader, own_redis: Callable[..., RedisServer]
) -> None:
    server = own_redis(requirepass="right")
    for url in (f"redis://:wr0ng@127.0.0.1:{server.port}", server.url):
        facts = await reader.read(url.encode(), KEYS, now=now())
        assert facts.failure is SinkReadFailure.UNAUTHORIZED
        assert "wr0ng" not in facts.failure_message
    facts = await reader.read(f"redis://:right@127.0.0.1:{server.port}".encode(), KEYS, now=now())
    assert facts.failure is None


async def test_a_user_without_rights_is_reported(reader: RedisReader, own_redis: Callable[..., RedisServer]) -> None:
    server = own_redis()
    server.client.acl_setuser("poor", enabled=True, passwords=["+pw"], commands=["+ping"])
    facts = await reader.read(f"redis://poor:pw@127.0.0.1:{server.port}".encode(), KEYS, now=now())
    assert facts.failure is SinkReadFailure.UNAUTHORIZED


@pytest.mark.parametrize("url", [b"http://x", b"redis://:s3cr/et@redis:port", b"\xff\xfe", b"", b"redis"])
async def test_an_invalid_url_is_not_in_the_message(reader: RedisReader, url: bytes) -> None:
    facts = await reader.read(url, KEYS, now=now())
    assert facts.failure is SinkReadFailure.URL_INVALID
    assert "s3cr" not in facts.failure_message


async def test_a_refused_connection(reader: RedisReader) -> None:
    facts = await reader.read(f"redis://:pw@127.0.0.1:{free_port()}".encode(), KEYS, now=now())
    assert facts.failure is SinkReadFailure.UNREACHABLE
    assert "pw" not in facts.failure_message


async def test_an_unknown_host(reader: RedisReader) -> None:
    facts = await reader.read(b"redis://nowhere.invalid:6379", KEYS, now=now())
    assert facts.failure is SinkReadFailure.UNREACHABLE


async def test_a_redis_that_hangs_delays_for_seconds_and_only_once(
    reader: RedisReader, own_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "TIMEOUT_SECONDS", TIMEOUT_SECONDS)
    server = own_redis()
    url = server.url.encode()
    await reader.read(url, KEYS, now=now())
    server.pause(seconds=20)
    began = time.monotonic()
    facts = await reader.read(url, KEYS, now=now())
    assert facts.failure is SinkReadFailure.UNREACHABLE
    assert time.monotonic() - began < 8
    began = time.monotonic()
    assert (await reader.read(url, StreamKeys(stream=Stream.FIREHOSE, host="b"), now=now())).failure is not None
    assert time.monotonic() - began < 2


async def test_a_restarted_redis_is_read_again(
    reader: RedisReader, own_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "UNREACHABLE_SECONDS", 0.1)
    server = own_redis(appendonly="yes", appendfsync="always")
    url = server.url.encode()
    server.client.set(KEYS.cursor, "7")
    assert (await reader.read(url, KEYS, now=now())).cursor == "7"
    server.kill()
    assert (await reader.read(url, KEYS, now=now())).failure is SinkReadFailure.UNREACHABLE
    server.start()
    await asyncio.sleep(0.2)
    facts = await reader.read(url, KEYS, now=now())
    assert (facts.cursor, facts.recovered_seconds) == ("7", 0.0)
    await asyncio.sleep(0.2)
    assert 0.2 <= ((await reader.read(url, KEYS, now=now())).recovered_seconds or 0) < 5


async def test_a_restart_between_two_observations_is_not_noticed(
    reader: RedisReader, own_redis: Callable[..., RedisServer]
) -> None:
    server = own_redis()
    assert (await reader.read(server.url.encode(), KEYS, now=now())).failure is None
    server.kill()
    server.start()
    assert (await reader.read(server.url.encode(), KEYS, now=now())).failure is None


async def test_a_source_with_a_broken_key_does_not_affect_others(
    reader: RedisReader, redis_server: RedisServer
) -> None:
    redis_server.client.rpush(KEYS.cursor, "not", "a", "string")
    facts = await reader.read(redis_server.url.encode(), KEYS, now=now())
    assert facts.failure is SinkReadFailure.ANSWERED_ERROR
    other = StreamKeys(stream=Stream.FIREHOSE, host="other.example")
    assert (await reader.read(redis_server.url.encode(), other, now=now())).failure is None


async def test_unused_connections_are_closed(
    reader: RedisReader, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connections() -> int:
        return sum(client["name"] == "sluice-operator" for client in redis_server.client.client_list())

    wait(lambda: connections() == 0)  # those of earlier tests are closed
    await reader.read(redis_server.url.encode(), KEYS, now=now())
    await reader.close_idle()
    assert connections() == 1
    monkeypatch.setattr(reader_module, "IDLE_SECONDS", -1.0)
    await reader.close_idle()
    async with asyncio.timeout(60):
        while connections():
            await asyncio.sleep(0.1)


async def test_the_age_of_an_unchanged_heartbeat_grows(
    reader: RedisReader, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_server.client.hset(
        KEYS.health, mapping={HealthField.STATE: SourceState.STREAMING, HealthField.BEAT: now().isoformat()}
    )
    await reader.read(redis_server.url.encode(), KEYS, now=now())
    await asyncio.sleep(0.5)
    facts = await reader.read(redis_server.url.encode(), KEYS, now=now())
    assert facts.health is not None
    assert facts.health.silent_seconds is not None
    assert facts.health.silent_seconds >= 0.5


async def test_an_unobserved_source_is_dropped_although_its_redis_is_in_use(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def memory_usage_calls() -> int:
        return int(redis_server.client.info("commandstats").get("cmdstat_memory|usage", {"calls": 0})["calls"])

    reader, url = RedisReader(details_interval_seconds=3600), redis_server.url.encode()
    redis_server.client.hset(
        KEYS.health, mapping={HealthField.STATE: SourceState.STREAMING, HealthField.BEAT: "2026-01-01T00:00:00Z"}
    )
    before = memory_usage_calls()
    for _ in range(2):
        facts = await reader.read(url, KEYS, now=now())
    assert facts.health is not None
    assert (facts.health.watched_seconds or 0) > 0
    assert memory_usage_calls() == before + 1

    last = time.monotonic()
    await asyncio.sleep(0.5)
    await reader.read(url, StreamKeys(stream=Stream.LABELS, host="other.example"), now=now())
    monkeypatch.setattr(reader_module, "IDLE_SECONDS", time.monotonic() - last - 0.1)
    await reader.close_idle()
    facts = await reader.read(url, KEYS, now=now())
    assert facts.health is not None
    assert facts.health.watched_seconds == 0
    assert memory_usage_calls() == before + 3
    await reader.close()


@pytest.mark.timeout(120)
async def test_a_cluster_is_read_if_the_keys_share_a_slot(reader: RedisReader, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    keys = StreamKeys(stream=Stream.FIREHOSE, host="relay.example:2470", prefix="{sluice}:")
    with running(cluster):
        owner = cluster.owner(keys.cursor).client
        owner.set(keys.cursor, "7")
        owner.xadd(keys.entries, {"event": "{}"})
        facts = await reader.read(cluster.url.encode(), keys, now=now())
        assert (facts.failure, facts.cursor, facts.length) == (None, "7", 1)

        facts = await reader.read(cluster.url.encode(), KEYS, now=now())
        assert facts.failure is SinkReadFailure.URL_INVALID
        assert "spec.redis.keyPrefix" in facts.failure_message
    facts = await reader.read(cluster.url.encode(), keys, now=now())
    assert facts.failure is SinkReadFailure.UNREACHABLE


@pytest.mark.timeout(120)
async def test_the_master_that_the_sentinels_name_is_read(reader: RedisReader, tmp_path: Path) -> None:
    trio = SentinelTrio(tmp_path, down_after=60)
    with running(trio):
        trio.servers[0].client.set(KEYS.cursor, "7")
        facts = await reader.read(trio.url.encode(), KEYS, now=now())
        assert (facts.failure, facts.cursor) == (None, "7")
    facts = await reader.read(trio.url.encode(), KEYS, now=now())
    assert facts.failure is SinkReadFailure.UNREACHABLE


async def test_a_private_ca_is_trusted_if_it_is_named(reader: RedisReader, tmp_path: Path) -> None:
    server = TlsServer(tmp_path)
    bundle = CABundle.model_validate({"configMapRef": {"name": "private-ca"}})
    noted = ca_certificates({"data": {"ca.crt": f"# Köln\n{server.ca.read_text()}# the end\n"}}, bundle)
    with running(server):
        url = server.url.encode()
        facts = await reader.read(url, KEYS, now=now())
        assert facts.failure is SinkReadFailure.UNREACHABLE
        assert "CERTIFICATE_VERIFY_FAILED" in facts.failure_message
        facts = await reader.read(url, KEYS, now=now(), ca_bundle=noted)
        assert (facts.failure, facts.length) == (None, 0)
    assert ca_certificates(None, bundle) == ca_certificates({}, bundle) == ""
