"""The contract of each `SourceRedis`: the fake in memory, and the real one with a real server."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import pytest

from sluice_operator.api.cursor import CursorSpec
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.redis.cursor_writer import CursorError
from sluice_operator.redis.source_redis import SourceRedis
from sluice_operator.redis.stream_watch import WatchedStream
from sluice_redis.contract import HealthField, SourceState, Stream, StreamKeys

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.example:2470")
OTHER = StreamKeys(stream=Stream.FIREHOSE, host="other.example")
RENAMED = StreamKeys(stream=Stream.FIREHOSE, host="relay.example", former_hosts=("Relay.Example",))


class ServerData(Protocol):
    """The data of one server, for the set-up of a test."""

    def get(self, key: str) -> str | None: ...

    def set(self, key: str, value: str) -> None: ...

    def hget(self, key: str, name: str) -> str | None: ...

    def hset(self, key: str, fields: Mapping[str, str]) -> None: ...

    def xadd(self, key: str) -> None: ...

    def keys(self) -> list[str]: ...


@dataclass(frozen=True)
class Subject:
    """A `SourceRedis`, the data of one of its servers, and the URL of an unreachable server."""

    redis: SourceRedis
    url: bytes
    data: ServerData
    unreachable_url: bytes


def now() -> datetime:
    return datetime.now(UTC)


def cursor(position: str | int, nonce: str = "first") -> CursorSpec:
    return CursorSpec.model_validate({"position": position, "nonce": nonce})


class Polled:
    """Watches streams of a Subject, and asks for changes."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def key(self, keys: StreamKeys) -> SourceKey:
        return SourceKey("Relay", "n", keys.host)

    async def read_and_watch(self, *streams: StreamKeys) -> None:
        for keys in streams:
            await self._subject.redis.read(self._subject.url, keys, now=now())
            watched = WatchedStream(
                url=self._subject.url, keys=keys, is_running=True, numbers_due_at=time.monotonic() + 1000
            )
            self._subject.redis.watch(self.key(keys), [watched])

    async def poll(self) -> tuple[list[SourceKey], list[SourceKey]]:
        """The sources to reconcile now, and those to reconcile later."""
        at_once: list[SourceKey] = []
        later: dict[SourceKey, float] = {}
        await self._subject.redis.poll(at_once.append, later.__setitem__)
        return at_once, list(later)


class SourceRedisContract:
    """The tests. A subclass gives the fixture `subject`."""

    async def test_an_empty_server(self, subject: Subject) -> None:
        facts = await subject.redis.read(subject.url, KEYS, now=now())
        assert (facts.failure, facts.cursor, facts.length, facts.dead_letters, facts.health) == (None, None, 0, 0, None)
        assert subject.data.keys() == []

    async def test_the_data_of_an_ingester_is_read(self, subject: Subject) -> None:
        heartbeat = now().isoformat()
        subject.data.set(KEYS.cursor, "7")
        subject.data.hset(
            KEYS.health,
            {
                HealthField.STATE: SourceState.STREAMING,
                HealthField.BEAT: heartbeat,
                HealthField.POD: "p",
                HealthField.EVENTS: "12",
            },
        )
        subject.data.xadd(KEYS.entries)
        subject.data.xadd(KEYS.entries)
        subject.data.xadd(KEYS.deadletter)
        facts = await subject.redis.read(subject.url, KEYS, now=now())
        assert (facts.failure, facts.cursor, facts.length, facts.dead_letters) == (None, "7", 2, 1)
        assert facts.health is not None
        assert (facts.health.state, facts.health.pod, facts.health.events) == (SourceState.STREAMING, "p", 12)
        assert facts.health.silent_seconds is not None
        assert 0 <= facts.health.silent_seconds < 60

    async def test_what_has_changed_since_it_was_read_is_told_once(self, subject: Subject) -> None:
        polled = Polled(subject)
        subject.data.hset(KEYS.health, {HealthField.STATE: SourceState.CONNECTING, HealthField.BEAT: now().isoformat()})
        await polled.read_and_watch(KEYS, OTHER)
        assert await polled.poll() == ([], [])
        subject.data.hset(KEYS.health, {HealthField.BEAT: "2026-11-24T12:00:05Z"})
        assert await polled.poll() == ([], []), "a heartbeat"
        subject.data.hset(KEYS.health, {HealthField.STATE: SourceState.STREAMING})
        assert await polled.poll() == ([polled.key(KEYS)], [])
        assert await polled.poll() == ([], [])
        subject.data.hset(OTHER.health, {HealthField.SEQ: "8"})
        assert await polled.poll() == ([], [polled.key(OTHER)]), "a number, which can wait"

    async def test_a_source_without_streams_is_not_watched(self, subject: Subject) -> None:
        polled = Polled(subject)
        await polled.read_and_watch(KEYS)
        subject.redis.watch(polled.key(KEYS), ())
        subject.data.hset(KEYS.health, {HealthField.STATE: SourceState.STREAMING})
        assert await polled.poll() == ([], [])

    async def test_a_stream_that_grows_is_a_change_of_numbers_for_all_its_sources(self, subject: Subject) -> None:
        polled = Polled(subject)
        await polled.read_and_watch(KEYS, OTHER)
        assert await polled.poll() == ([], [])
        subject.data.xadd(KEYS.entries)

        async def told() -> list[SourceKey]:
            return (await polled.poll())[1]

        for _ in range(200):  # lengths are read at an interval
            if found := await told():
                break
            await asyncio.sleep(0.05)
        assert set(found) == {polled.key(KEYS), polled.key(OTHER)}

    async def test_keys_of_a_former_host_are_read_until_the_new_cursor_exists(self, subject: Subject) -> None:
        (former,) = RENAMED.former_keys
        subject.data.set(former.cursor, "7")
        assert (await subject.redis.read(subject.url, RENAMED, now=now())).cursor == "7"
        subject.data.set(RENAMED.cursor, "8")
        assert (await subject.redis.read(subject.url, RENAMED, now=now())).cursor == "8"

    @pytest.mark.parametrize(
        ("position", "value"), [("oldest", "0"), ("live", "!live"), (6_322_875_401, "6322875401"), ("7", "7")]
    )
    async def test_a_cursor_is_set_and_recorded(self, subject: Subject, position: str | int, value: str) -> None:
        subject.data.set(KEYS.cursor, "99")
        assert await subject.redis.reset_cursor(subject.url, KEYS, cursor(position)) == ""
        facts = await subject.redis.read(subject.url, KEYS, now=now())
        assert facts.cursor == value
        recorded = [subject.data.hget(KEYS.health, name) for name in ("resetNonce", "resetFrom", "resetTo")]
        assert recorded == ["first", "99", value]

    async def test_a_cursor_is_set_once_for_each_nonce(self, subject: Subject) -> None:
        for nonce, expected in (("a", "7"), ("a", "12"), ("b", "7")):
            assert await subject.redis.reset_cursor(subject.url, KEYS, cursor(7, nonce)) == ""
            assert subject.data.get(KEYS.cursor) == expected
            subject.data.set(KEYS.cursor, "12")  # the ingester continues

    async def test_a_cursor_under_a_former_host_is_set_there(self, subject: Subject) -> None:
        (former,) = RENAMED.former_keys
        subject.data.set(former.cursor, "99")
        assert await subject.redis.reset_cursor(subject.url, RENAMED, cursor(7)) == ""
        assert (subject.data.get(former.cursor), subject.data.get(RENAMED.cursor)) == ("7", None)

    async def test_of_two_cursors_the_one_under_the_new_host_is_set(self, subject: Subject) -> None:
        (former,) = RENAMED.former_keys
        subject.data.set(former.cursor, "99")
        subject.data.set(RENAMED.cursor, "98")
        assert await subject.redis.reset_cursor(subject.url, RENAMED, cursor(7)) == ""
        assert (subject.data.get(former.cursor), subject.data.get(RENAMED.cursor)) == (None, "7")

    async def test_cursors_and_health_hashes_are_deleted_and_nothing_else(self, subject: Subject) -> None:
        for keys in (KEYS, OTHER):
            subject.data.set(keys.cursor, "7")
            subject.data.hset(keys.health, {HealthField.STATE: SourceState.STREAMING})
        subject.data.xadd(KEYS.entries)
        subject.data.xadd(KEYS.deadletter)
        empty = StreamKeys(stream=Stream.BACKFILL, host="relay.example:2470")
        assert await subject.redis.delete_cursors(subject.url, [KEYS, empty]) == [KEYS]
        assert set(subject.data.keys()) == {OTHER.cursor, OTHER.health, KEYS.entries, KEYS.deadletter}
        assert await subject.redis.delete_cursors(subject.url, [KEYS, empty]) == []

    async def test_an_unreachable_server(self, subject: Subject) -> None:
        url = subject.unreachable_url
        assert (await subject.redis.read(url, KEYS, now=now())).failure is SinkReadFailure.UNREACHABLE
        assert await subject.redis.reset_cursor(url, KEYS, cursor(7))
        with pytest.raises(CursorError, match="Redis does not delete it: "):
            await subject.redis.delete_cursors(url, [KEYS])
        subject.redis.retry_now(url)
        assert (await subject.redis.read(url, KEYS, now=now())).failure is SinkReadFailure.UNREACHABLE

    async def test_a_source_list_is_replaced_as_a_whole(self, subject: Subject) -> None:
        redis, url, key = subject.redis, subject.url, "sluice_sources:n:pool-a-0:x"
        state = await redis.read_source_list(url, key)
        assert (state.failure, state.version, dict(state.entries), state.applied) == (None, "", {}, "")
        assert await redis.write_source_list(url, key, "v1", {"Labeler/n/a/labels": "{}"}) is None
        assert await redis.write_source_list(url, key, "v2", {"Labeler/n/b/labels": "{}"}) is None
        subject.data.set(f"{key}:applied", "v1 pool-a-0-x")
        state = await redis.read_source_list(url, key)
        assert (state.version, dict(state.entries)) == ("v2", {"Labeler/n/b/labels": "{}"})
        assert (state.applied, state.applied_by) == ("v1", "pool-a-0-x")
        assert await redis.delete_source_list(url, key) is None
        assert subject.data.keys() == []

    async def test_a_source_list_of_an_unreachable_server(self, subject: Subject) -> None:
        redis, url = subject.redis, subject.unreachable_url
        failures = [
            (await redis.read_source_list(url, "k")).failure,
            await redis.write_source_list(url, "k", "v", {}),
            await redis.delete_source_list(url, "k"),
        ]
        assert [one and one.failure for one in failures] == [SinkReadFailure.UNREACHABLE] * 3
