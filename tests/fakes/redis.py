"""The Redis servers of the operator in memory. `redis_contract` tests them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sluice_operator.api.cursor import CursorSpec
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.report_age import ReportAges
from sluice_operator.redis.cursor_writer import CursorError, cursor_value
from sluice_operator.redis.sink_facts import newest_report, sink_facts
from sluice_redis.contract import StreamKeys


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


class FakeRedis:
    """Servers by their URL. A new URL is an empty server."""

    def __init__(self) -> None:
        self.servers: dict[bytes, FakeServer] = {}
        self._ages = ReportAges()

    def server(self, url: bytes) -> FakeServer:
        return self.servers.setdefault(url, FakeServer())

    async def read(self, url: bytes, keys: StreamKeys, *, now: datetime, ca_bundle: str = "") -> SinkFacts:
        server = self.server(url)
        if server.problem:
            return SinkFacts(failure=SinkReadFailure.UNREACHABLE, failure_message=server.problem)
        answers: list[object] = []
        for name in (keys, *keys.former_keys):
            cursor = server.get(name.cursor)
            answers += [None if cursor is None else cursor.encode()]
            answers += [{key.encode(): value.encode() for key, value in server.hashes.get(name.health, {}).items()}]
        answers[2:2] = [server.lengths.get(keys.entries, 0), server.lengths.get(keys.deadletter, 0)]
        return sink_facts(self._ages, keys, newest_report(answers), now=now, monotonic=now.timestamp())

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
