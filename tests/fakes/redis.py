"""The Redis servers of the operator in memory. `redis_contract` tests them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sluice_common.clock import Clock, SystemClock
from sluice_operator.api.cursor import CursorSpec
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.report_age import ReportAges
from sluice_operator.redis.cursor_writer import CursorError, cursor_value
from sluice_operator.redis.health_changes import Change, SeenHealth
from sluice_operator.redis.sink_facts import newest_report, sink_facts
from sluice_operator.redis.source_lists import SourceListState
from sluice_operator.redis.stream_watch import StreamWatch, WatchedStream
from sluice_redis.contract import SOURCE_LIST_VERSION, StreamKeys, applied_key


@dataclass
class FakeServer:
    """The data of one server."""

    strings: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    """The lengths of streams. Entries are not kept."""
    problem: str = ""
    """Why the server is unreachable. Empty if it is reachable."""
    write_problem: str = ""
    """Why the server refuses writes. Empty if it accepts them."""

    def get(self, key: str) -> str | None:
        return self.strings.get(key)

    def set(self, key: str, value: str) -> None:
        self.strings[key] = value

    def hget(self, key: str, name: str) -> str | None:
        return self.hashes.get(key, {}).get(name)

    def hset(self, key: str, fields: Mapping[str, str]) -> None:
        self.hashes.setdefault(key, {}).update(fields)

    def xadd(self, key: str) -> None:
        self.lengths[key] = self.lengths.get(key, 0) + 1

    def keys(self) -> list[str]:
        return sorted({*self.strings, *self.hashes, *self.lengths})


IDLE_SECONDS = 30.0


class FakeRedis:
    """Servers by their URL. A new URL is an empty server."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.servers: dict[bytes, FakeServer] = {}
        self._clock = clock or SystemClock()
        self._ages = ReportAges()
        self._seen: dict[tuple[bytes, str], SeenHealth] = {}
        self._lengths: dict[tuple[bytes, str], int] = {}
        self._watch = StreamWatch(_Poller(self), idle_seconds=IDLE_SECONDS, clock=self._clock)

    def server(self, url: bytes) -> FakeServer:
        return self.servers.setdefault(url, FakeServer())

    async def read(self, url: bytes, keys: StreamKeys, *, now: datetime, ca_bundle: str = "") -> SinkFacts:
        server, seen = self.server(url), self.seen(url, keys)
        if server.problem:
            seen.fail(SinkReadFailure.UNREACHABLE)
            return SinkFacts(failure=SinkReadFailure.UNREACHABLE, failure_message=server.problem)
        answers: list[Any] = []
        for name in (keys, *keys.former_keys):
            cursor = server.get(name.cursor)
            answers += [None if cursor is None else cursor.encode()]
            answers += [{key.encode(): value.encode() for key, value in server.hashes.get(name.health, {}).items()}]
        seen.update(answers[1], answers[0], monotonic=self._clock.monotonic())
        answers[2:2] = [server.lengths.get(keys.entries, 0), server.lengths.get(keys.deadletter, 0)]
        return sink_facts(self._ages, keys, newest_report(answers), now=now, monotonic=now.timestamp())

    def watch(self, key: SourceKey, streams: Sequence[WatchedStream]) -> None:
        self._watch.watch(key, streams)

    async def poll(self, add: Callable[[SourceKey], None], add_after: Callable[[SourceKey, float], None]) -> None:
        await self._watch.poll(add, add_after)

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def has_new_length(self, url: bytes, name: str, length: int) -> bool:
        before = self._lengths.get((url, name), length)
        self._lengths[url, name] = length
        return length != before

    def seen(self, url: bytes, keys: StreamKeys) -> SeenHealth:
        return self._seen.setdefault((url, keys.health), SeenHealth())

    def retry_now(self, url: bytes, *, ca_bundle: str = "") -> None:
        """Nothing to do: a fake server has no back-off."""

    async def reset_cursor(self, url: bytes, keys: StreamKeys, requested: CursorSpec, *, ca_bundle: str = "") -> str:
        server = self.server(url)
        if problem := server.problem or server.write_problem:
            return problem
        names = [keys, *keys.former_keys]
        current = next((name for name in names if server.get(name.cursor) is not None), keys)
        if requested.nonce in {server.hget(name.health, "resetNonce") for name in (keys, current)}:
            return ""
        before, value = server.get(current.cursor) or "", cursor_value(requested)
        for name in names:
            if name is not current and name is not keys and server.get(name.cursor) is not None:
                server.strings.pop(name.cursor)
                server.hashes.pop(name.health, None)
        server.set(current.cursor, value)
        server.hset(current.health, {"resetNonce": requested.nonce, "resetFrom": before, "resetTo": value})
        return ""

    async def read_source_list(self, url: bytes, key: str, *, ca_bundle: str = "") -> SourceListState:
        server = self.server(url)
        if server.problem:
            return SourceListState(
                failure=SinkFacts(failure=SinkReadFailure.UNREACHABLE, failure_message=server.problem)
            )
        entries = dict(server.hashes.get(key, {}))
        version, _, pod = (server.get(applied_key(key)) or "").rpartition(" ")
        return SourceListState(
            version=entries.pop(SOURCE_LIST_VERSION, ""), applied=version, applied_by=pod, entries=entries
        )

    async def write_source_list(
        self, url: bytes, key: str, version: str, entries: Mapping[str, str], *, ca_bundle: str = ""
    ) -> SinkFacts | None:
        server = self.server(url)
        if failure := _write_failure(server):
            return failure
        server.hashes[key] = {SOURCE_LIST_VERSION: version, **entries}
        return None

    async def delete_source_list(self, url: bytes, key: str, *, ca_bundle: str = "") -> SinkFacts | None:
        server = self.server(url)
        if failure := _write_failure(server):
            return failure
        server.hashes.pop(key, None)
        server.strings.pop(applied_key(key), None)
        return None

    async def delete_cursors(
        self, url: bytes, streams: Iterable[StreamKeys], *, ca_bundle: str = ""
    ) -> list[StreamKeys]:
        server, deleted = self.server(url), []
        if problem := server.problem or server.write_problem:
            raise CursorError(f"Redis does not delete it: {problem}")
        for keys in streams:
            cursor, health = server.strings.pop(keys.cursor, None), server.hashes.pop(keys.health, None)
            if cursor is not None or health is not None:
                deleted.append(keys)
        return deleted


@dataclass
class _Poller:
    """Finds out what has changed in the servers of a FakeRedis."""

    redis: FakeRedis
    details_interval_seconds: float = 0.5

    async def poll(
        self, url: bytes, streams: Sequence[StreamKeys], *, ca_bundle: str = "", with_cursors: bool = False
    ) -> list[Change]:
        server, changes = self.redis.server(url), []
        for keys in streams:
            seen = self.redis.seen(url, keys)
            if server.problem:
                changes.append(seen.fail(SinkReadFailure.UNREACHABLE))
                continue
            fields = {name.encode(): value.encode() for name, value in server.hashes.get(keys.health, {}).items()}
            cursor = server.get(keys.cursor)
            found = None if cursor is None else cursor.encode()
            changes.append(
                seen.update(fields, found if with_cursors else seen.cursor, monotonic=self.redis.monotonic())
            )
        return changes

    async def changed_streams(self, url: bytes, names: Sequence[str], *, ca_bundle: str = "") -> list[str]:
        lengths = self.redis.server(url).lengths
        return [name for name in names if self.redis.has_new_length(url, name, lengths.get(name, 0))]


def _write_failure(server: FakeServer) -> SinkFacts | None:
    if server.problem:
        return SinkFacts(failure=SinkReadFailure.UNREACHABLE, failure_message=server.problem)
    if server.write_problem:
        return SinkFacts(failure=SinkReadFailure.UNAUTHORIZED, failure_message=server.write_problem)
    return None
