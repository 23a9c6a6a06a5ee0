"""The Sink that writes to Redis: each method is one server-side script, or one command."""

from collections.abc import Mapping
from typing import Any, Final

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.times import format_time
from sluice_redis.contract import DEADLETTER_CAP, Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.deduplication import Deduplicator, DuplicateCheck
from sluice_redis.sink.eviction_policy import EvictionPolicy
from sluice_redis.sink.request import AppendRequest, Fenced, Full, Stored
from sluice_redis.sink.script import Script

_APPEND: Final = Script.load("append.lua")
_RESET_CURSOR: Final = Script.load("reset_cursor.lua")
_RENAME_FORMER_KEYS: Final = Script.load("rename_former_keys.lua")
WRITE_HEALTH: Final = Script.load("write_health.lua")
_NO_DEDUPLICATION: Final = DuplicateCheck(buckets=(), expire_seconds=0, source_tag=b"", digests=())


class RedisSink:
    """One source's keys in Redis. See `Sink`."""

    def __init__(
        self,
        calls: RedisCalls,
        keys: StreamKeys,
        *,
        high_water_mark: int,
        deduplicate_seconds: int | None = None,
        eviction_policy: EvictionPolicy | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`deduplicate_seconds`: how long events of other relays are recognised. None: no deduplication.

        `eviction_policy` is that of the process, if it has more sources.
        """
        self.keys = keys
        self._calls = calls
        self._eviction_policy = eviction_policy or EvictionPolicy(calls)
        self._high_water_mark = high_water_mark
        self._deduplicator = Deduplicator(keys, window=deduplicate_seconds) if deduplicate_seconds else None
        self._clock = clock

    async def append(self, request: AppendRequest) -> Stored | Full | Fenced:
        """Store a batch and its cursor, or nothing of it."""
        keys, now = self.keys, self._clock.now()
        # A user need not have rights on the backfill's stream if nothing is written to it.
        names = [keys.cursor, keys.entries, keys.health, keys.deadletter, *([keys.resyncs] if request.resyncs else [])]
        check = (
            self._deduplicator.duplicate_check(request.events, now=now.timestamp())
            if self._deduplicator
            else _NO_DEDUPLICATION
        )
        names += check.buckets
        arguments: list[Any] = [
            _expected(request.expected_cursor),
            "" if request.cursor is None else request.cursor,
            self._high_water_mark,
            request.batch_id,
            keys.stream.field,
            len(request.events),
            len(request.dead_letters),
            DEADLETTER_CAP,
            format_time(now),
            request.event_time or "",
            keys.host,
            len(request.health_fields),
            len(check.buckets),
            check.expire_seconds,
            check.source_tag,
            *flat(request.health_fields),
            *check.digests,
            *request.events,
        ]
        for letter in request.dead_letters:
            arguments += (letter.seq, letter.reason, letter.detail, letter.payload)
        arguments += request.resyncs
        match await self._calls.run(_APPEND, names, arguments):
            case [b"stored", int(length), int(duplicates)]:
                return Stored(length, duplicates)
            case [b"full", int(length)]:
                return Full(length)
            case [b"fenced", (bytes() | None) as stored]:
                return Fenced(stored)
            case answer:
                raise AssertionError(f"the script answered {answer!r}")

    async def check_eviction_policy(self) -> None:
        """SinkError if this Redis may evict keys."""
        await self._eviction_policy.check(self.keys.cursor)

    async def rename_former_keys(self) -> list[str]:
        """Rename cursor and health hash from keys of older versions. Returns the former keys of the cursors."""
        keys = self.keys
        if not keys.former_hosts:
            return []
        names = [name for one in (keys, *keys.former_keys) for name in (one.cursor, one.health)]
        kind = "" if keys.stream is Stream.BACKFILL else "seq"
        renamed = await self._calls.run(_RENAME_FORMER_KEYS, names, [kind])
        return [name.decode(errors="replace") for name in renamed]

    async def read_cursor(self) -> bytes | None:
        """The stored cursor, None if there is none."""
        stored: bytes | None = await self._calls.execute("GET", self.keys.cursor)
        return stored

    async def read_health(self, *fields: str) -> list[str]:
        """Those fields of the health hash, empty where they are missing."""
        values = await self._calls.execute("HMGET", self.keys.health, *fields)
        return ["" if value is None else value.decode(errors="replace") for value in values]

    async def reset_cursor(
        self, *, expected_cursor: bytes | None, cursor: str, health_fields: Mapping[str, str]
    ) -> Fenced | None:
        """Replace the expected cursor by `cursor`, and write fields of the health hash, in one step."""
        keys = self.keys
        arguments = [_expected(expected_cursor), cursor, *flat(health_fields)]
        answer = await self._calls.run(_RESET_CURSOR, [keys.cursor, keys.health], arguments)
        return None if answer[0] == b"set" else Fenced(answer[1])

    async def stream_length(self) -> int:
        """How many entries the stream has."""
        return int(await self._calls.execute("XLEN", self.keys.entries))

    async def write_health(self, fields: Mapping[str, str]) -> None:
        """Write fields of the health hash, even if Redis is out of memory."""
        await self._calls.run(WRITE_HEALTH, [self.keys.health], flat(fields))


def _expected(cursor: bytes | None) -> bytes:
    """The expected cursor as the scripts take it: `=` and its value, or nothing if there must be none."""
    return b"" if cursor is None else b"=" + cursor


def flat(fields: Mapping[str, str]) -> list[str]:
    """Names and values as the arguments of a command."""
    return [part for item in fields.items() for part in item]
