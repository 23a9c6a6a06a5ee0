"""The append: one batch of whole frames, with its cursor, in one round trip to Redis."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Final

from redis.exceptions import NoScriptError

from sluice_redis.client import RedisClient
from sluice_redis.contract import DEADLETTER_CAP, Stream, StreamKeys
from sluice_redis.sink.call import call
from sluice_redis.sink.deduplication import Deduplicator, DuplicateCheck
from sluice_redis.sink.eviction_policy import check_eviction_policy

_APPEND: Final = resources.files(__package__).joinpath("append.lua").read_bytes()
_NO_DEDUPLICATION: Final = DuplicateCheck(buckets=(), expire_seconds=0, source_tag=b"", digests=())
_RESET: Final = resources.files(__package__).joinpath("reset.lua").read_bytes()
_REPORT: Final = resources.files(__package__).joinpath("report.lua").read_bytes()
_RENAME_FORMER_KEYS: Final = resources.files(__package__).joinpath("adopt.lua").read_bytes()
_APPEND_SHA1: Final = hashlib.sha1(_APPEND, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterEntry:
    """An entry of the dead-letter stream: see contract.DeadLetterField."""

    seq: str
    reason: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendRequest:
    """What one call stores.

    `expected` is the cursor that must be stored now, exactly; None if there must be none.
    `cursor` is the new one; None leaves it. `name` is unique to the batch and the same in every
    repetition of the call. `resyncs` go to the backfill's stream, and `fields` into the health hash, in
    the same step. `time` is that of the newest event, or None.
    """

    batch_id: str
    expected_cursor: bytes | None
    cursor: int | str | None
    events: Sequence[bytes]
    dead_letters: Sequence[DeadLetterEntry] = ()
    resyncs: Sequence[bytes] = ()
    event_time: str | None = None
    health_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """The batch is in the stream, which is now `length` entries long, without `duplicates` of its events
    that another relay has told of before.
    """

    length: int
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing was stored: the stream, `length` entries long, is at its high-water mark."""

    length: int


@dataclass(frozen=True, slots=True)
class Fenced:
    """Nothing was stored: another hand has set the cursor, to `stored`."""

    stored_cursor: bytes | None


class RedisSink:
    """One source's place in Redis. Every method raises SinkError, and nothing else, if Redis fails."""

    def __init__(
        self, redis: RedisClient, keys: StreamKeys, *, high_water_mark: int, deduplicate_seconds: int | None = None
    ) -> None:
        """`deduplicate_seconds`: for how long events of other relays are known again; None: not at all."""
        self.keys = keys
        self._execute: Callable[..., Awaitable[Any]] = redis.execute_command
        self._high_water_mark = high_water_mark
        self._deduplicator = Deduplicator(keys, window=deduplicate_seconds) if deduplicate_seconds else None

    async def append(self, request: AppendRequest) -> Stored | Full | Fenced:
        """Store a batch and its cursor, or nothing of it.

        After a SinkError it is unknown whether it was stored: call again with the same `append`.
        """
        keys = self.keys
        # A user need not be allowed to touch the backfill's stream where nothing goes there.
        names = [keys.cursor, keys.entries, keys.health, keys.deadletter, *([keys.resyncs] if request.resyncs else [])]
        known = self._deduplicator.duplicate_check(request.events) if self._deduplicator else _NO_DEDUPLICATION
        names += known.buckets
        arguments: list[Any] = [
            len(names),
            *names,
            b"" if request.expected_cursor is None else b"=" + request.expected_cursor,
            "" if request.cursor is None else request.cursor,
            self._high_water_mark,
            request.batch_id,
            keys.stream.field,
            len(request.events),
            len(request.dead_letters),
            DEADLETTER_CAP,
            timestamp(),
            request.event_time or "",
            keys.host,
            len(request.health_fields),
            len(known.buckets),
            known.expire_seconds,
            known.source_tag,
            *(part for item in request.health_fields.items() for part in item),
            *known.digests,
            *request.events,
        ]
        for letter in request.dead_letters:
            arguments += (letter.seq, letter.reason, letter.detail, letter.payload)
        arguments += request.resyncs
        match await call(self._run_append(arguments)):
            case [b"stored", int(length), int(duplicates)]:
                return Stored(length, duplicates)
            case [b"full", int(length)]:
                return Full(length)
            case [b"fenced", (bytes() | None) as stored]:
                return Fenced(stored)
            case answer:
                raise AssertionError(f"the script answered {answer!r}")

    async def check_eviction_policy(self) -> None:
        """SinkError if this Redis may throw away what stands in it."""
        await check_eviction_policy(self._execute, self.keys.cursor)

    async def rename_former_keys(self) -> list[str]:
        """Bring cursor and health hash here from where older versions kept them. The former keys of the cursors."""
        keys = self.keys
        if not keys.former_hosts:
            return []
        names = [name for one in (keys, *keys.former_keys) for name in (one.cursor, one.health)]
        kind = "" if keys.stream is Stream.BACKFILL else "seq"
        renamed = await call(self._execute("EVAL", _RENAME_FORMER_KEYS, len(names), *names, kind))
        return [name.decode(errors="replace") for name in renamed]

    async def read_cursor(self) -> bytes | None:
        """The stored cursor, None if there is none."""
        stored: bytes | None = await call(self._execute("GET", self.keys.cursor))
        return stored

    async def read_health(self, *fields: str) -> list[str]:
        """Those fields of the health hash, empty where they are missing."""
        values = await call(self._execute("HMGET", self.keys.health, *fields))
        return ["" if value is None else value.decode(errors="replace") for value in values]

    async def reset_cursor(
        self, *, expected_cursor: bytes | None, cursor: str, health_fields: Mapping[str, str]
    ) -> Fenced | None:
        """Put `cursor` in the place of the `expected` one, and `fields` into the health hash, in one step."""
        keys = self.keys
        arguments = [2, keys.cursor, keys.health, b"" if expected_cursor is None else b"=" + expected_cursor, cursor]
        arguments += [part for item in health_fields.items() for part in item]
        answer = await call(self._execute("EVAL", _RESET, *arguments))
        return None if answer[0] == b"set" else Fenced(answer[1])

    async def stream_length(self) -> int:
        """How many entries the stream holds."""
        return int(await call(self._execute("XLEN", self.keys.entries)))

    async def write_health(self, fields: dict[str, str]) -> None:
        """Write fields of the health hash, even if Redis is out of memory."""
        arguments = (part for item in fields.items() for part in item)
        await call(self._execute("EVAL", _REPORT, 1, self.keys.health, *arguments))

    async def _run_append(self, arguments: list[Any]) -> Any:
        try:
            return await self._execute("EVALSHA", _APPEND_SHA1, *arguments)
        except NoScriptError:
            return await self._execute("EVAL", _APPEND, *arguments)


def timestamp(*, ahead: timedelta = timedelta()) -> str:
    """Now (or `ahead` of it) as every time in Redis is written: RFC 3339 UTC with milliseconds."""
    return (datetime.now(UTC) + ahead).isoformat(timespec="milliseconds").replace("+00:00", "Z")
