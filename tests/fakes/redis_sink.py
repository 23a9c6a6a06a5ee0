"""A Sink in memory. It meets `sink_contract`, as the one with a real Redis does."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sluice_common.clock import Clock
from sluice_common.times import format_time
from sluice_redis.contract import HealthField, Stream, StreamKeys
from sluice_redis.sink.errors import SinkError, SinkFailure, SinkReason
from sluice_redis.sink.request import AppendRequest, Fenced, Full, Stored
from tests.fakes.clock import FakeClock

UNAVAILABLE: Final = SinkFailure(reason=SinkReason.UNAVAILABLE, message="Redis: gone")
TIMEOUT: Final = SinkFailure(reason=SinkReason.TIMEOUT, message="Redis: no answer in 10 s")
OUT_OF_MEMORY: Final = SinkFailure(reason=SinkReason.OUT_OF_MEMORY, message="Redis: OOM")
READ_ONLY: Final = SinkFailure(reason=SinkReason.READ_ONLY, message="Redis: READONLY")
NO_RIGHT: Final = SinkFailure(reason=SinkReason.AUTH, message="Redis: NOPERM", permanent=True)
EVICTS: Final = SinkFailure(reason=SinkReason.EVICTS, message="maxmemory-policy is allkeys-lru", permanent=True)
TOO_LARGE: Final = SinkFailure(reason=SinkReason.TOO_LARGE, message="Redis: request too large", permanent=True)


@dataclass
class FakeRedis:
    """The data of a Redis: strings, hashes and streams by key. Several sinks may share one."""

    strings: dict[str, bytes] = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    streams: dict[str, list[dict[str, bytes]]] = field(default_factory=lambda: defaultdict(list))


class FakeSink:
    """The keys of one source in a FakeRedis.

    - `failures`: each is raised by one of the next calls, which does nothing.
    - `lost_answers`: each is raised by one of the next appends, after it is stored.
    - `failure`: raised by every call while it is set.
    - `max_request_bytes`: a larger request is refused with `too_large`.
    - `evicts`: whether the eviction policy is not noeviction.
    """

    def __init__(
        self,
        redis: FakeRedis | None = None,
        keys: StreamKeys | None = None,
        *,
        high_water_mark: int = 10**9,
        clock: Clock | None = None,
    ) -> None:
        self.redis = redis or FakeRedis()
        self.keys = keys or StreamKeys(stream=Stream.FIREHOSE, host="relay.test")
        self.failures: list[SinkFailure] = []
        self.lost_answers: list[SinkFailure] = []
        self.failure: SinkFailure | None = None
        self.max_request_bytes: int | None = None
        self.too_large = TOO_LARGE
        self.evicts = False
        self.appends: list[AppendRequest] = []
        self._high_water_mark = high_water_mark
        self._clock = clock or FakeClock()

    @property
    def events(self) -> list[bytes]:
        """The JSON of all entries of the stream."""
        return [entry[self.keys.stream.field] for entry in self.redis.streams[self.keys.entries]]

    @property
    def health(self) -> dict[str, str]:
        """The health hash."""
        return self.redis.hashes[self.keys.health]

    @property
    def cursor(self) -> bytes | None:
        """The stored cursor."""
        return self.redis.strings.get(self.keys.cursor)

    def set_cursor(self, cursor: bytes | None) -> None:
        """Change the cursor, as somebody else may do."""
        self.redis.strings.pop(self.keys.cursor, None)
        if cursor is not None:
            self.redis.strings[self.keys.cursor] = cursor

    async def append(self, request: AppendRequest) -> Stored | Full | Fenced:
        self.appends.append(request)
        self._fail()
        if self.max_request_bytes is not None and _size(request) > self.max_request_bytes:
            raise SinkError(self.too_large)
        answer = self._append(request)
        if self.lost_answers:
            raise SinkError(self.lost_answers.pop(0))
        return answer

    def _append(self, request: AppendRequest) -> Stored | Full | Fenced:
        stream, health = self.redis.streams[self.keys.entries], self.health
        if health.get(HealthField.BATCH) == request.batch_id:
            return Stored(len(stream))
        if self.cursor != request.expected_cursor:
            return Fenced(self.cursor)
        if request.events and len(stream) >= self._high_water_mark:
            return Full(len(stream))
        stream += [{self.keys.stream.field: event} for event in request.events]
        self.redis.streams[self.keys.deadletter] += [
            {
                "host": self.keys.host.encode(),
                "seq": letter.seq.encode(),
                "reason": letter.reason.encode(),
                "detail": letter.detail.encode(),
                "payload": letter.payload,
            }
            for letter in request.dead_letters
        ]
        self.redis.streams[self.keys.resyncs] += [{"repo": repo} for repo in request.resyncs]
        health |= {
            HealthField.STORED.value: format_time(self._clock.now()),
            HealthField.BATCH.value: request.batch_id,
            HealthField.EVENTS.value: _total(health.get(HealthField.EVENTS), len(request.events)),
            HealthField.DEADLETTERS.value: _total(health.get(HealthField.DEADLETTERS), len(request.dead_letters)),
        }
        if request.cursor is not None:
            self.set_cursor(str(request.cursor).encode())
            health[HealthField.SEQ.value] = str(request.cursor)
        if request.event_time is not None:
            health[HealthField.EVENT_TIME.value] = request.event_time
        health |= request.health_fields
        return Stored(len(stream))

    async def check_eviction_policy(self) -> None:
        self._fail()
        if self.evicts:
            raise SinkError(EVICTS)

    async def rename_former_keys(self) -> list[str]:
        self._fail()
        renamed = []
        for former in self.keys.former_keys:
            old, health = self.redis.strings.pop(former.cursor, None), self.redis.hashes.pop(former.health, None)
            before = self.cursor
            if old is not None and (before is None or self._is_higher(old, before)):
                self.set_cursor(old)
                renamed.append(former.cursor)
                if health is not None:
                    self.redis.hashes[self.keys.health] = health
            elif health is not None and before is None and not self.health:
                self.redis.hashes[self.keys.health] = health
        return renamed

    def _is_higher(self, one: bytes, other: bytes) -> bool:
        are_seqs = self.keys.stream is not Stream.BACKFILL and one.isdigit() and other.isdigit()
        return are_seqs and int(one) > int(other)

    async def read_cursor(self) -> bytes | None:
        self._fail()
        return self.cursor

    async def read_health(self, *fields: str) -> list[str]:
        self._fail()
        return [self.health.get(name, "") for name in fields]

    async def reset_cursor(
        self, *, expected_cursor: bytes | None, cursor: str, health_fields: Mapping[str, str]
    ) -> Fenced | None:
        self._fail()
        if self.cursor != expected_cursor:
            return Fenced(self.cursor)
        self.set_cursor(cursor.encode())
        self.health.update(health_fields)
        return None

    async def stream_length(self) -> int:
        self._fail()
        return len(self.redis.streams[self.keys.entries])

    async def write_health(self, fields: Mapping[str, str]) -> None:
        self._fail()
        self.health.update(fields)

    def _fail(self) -> None:
        if self.failures:
            raise SinkError(self.failures.pop(0))
        if self.failure is not None:
            raise SinkError(self.failure)


def _size(request: AppendRequest) -> int:
    letters = sum(len(letter.payload) + len(letter.reason) + len(letter.detail) for letter in request.dead_letters)
    return sum(map(len, request.events)) + sum(map(len, request.resyncs)) + letters


def _total(text: str | None, more: int) -> str:
    return str((int(text) if text and text.isdecimal() else 0) + more)
