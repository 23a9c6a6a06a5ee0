"""The Sink that writes to Redis: each method is one server-side script, or one command."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any, Final

from redis.exceptions import NoScriptError

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.times import format_time
from sluice_redis.client import RedisClient
from sluice_redis.contract import DEADLETTER_CAP, Stream, StreamKeys
from sluice_redis.sink.call import call
from sluice_redis.sink.deduplication import Deduplicator, DuplicateCheck
from sluice_redis.sink.eviction_policy import check_eviction_policy
from sluice_redis.sink.request import AppendRequest, Fenced, Full, Stored

_SCRIPTS: Final = resources.files(__package__)
_APPEND: Final = _SCRIPTS.joinpath("append.lua").read_bytes()
_APPEND_SHA1: Final = hashlib.sha1(_APPEND, usedforsecurity=False).hexdigest()
_RESET_CURSOR: Final = _SCRIPTS.joinpath("reset_cursor.lua").read_bytes()
_WRITE_HEALTH: Final = _SCRIPTS.joinpath("write_health.lua").read_bytes()
_RENAME_FORMER_KEYS: Final = _SCRIPTS.joinpath("rename_former_keys.lua").read_bytes()
_NO_DEDUPLICATION: Final = DuplicateCheck(buckets=(), expire_seconds=0, source_tag=b"", digests=())


class RedisSink:
    """One source's keys in Redis. See `Sink`."""

    def __init__(
        self,
        redis: RedisClient,
        keys: StreamKeys,
        *,
        high_water_mark: int,
        deduplicate_seconds: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`deduplicate_seconds`: how long events of other relays are recognised. None: no deduplication."""
        self.keys = keys
        self._execute: Callable[..., Awaitable[Any]] = redis.execute_command
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
            len(names),
            *names,
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
            *_flat(request.health_fields),
            *check.digests,
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
        """SinkError if this Redis may evict keys."""
        await check_eviction_policy(self._execute, self.keys.cursor)

    async def rename_former_keys(self) -> list[str]:
        """Rename cursor and health hash from keys of older versions. Returns the former keys of the cursors."""
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
        """Replace the expected cursor by `cursor`, and write fields of the health hash, in one step."""
        keys = self.keys
        arguments = [2, keys.cursor, keys.health, _expected(expected_cursor), cursor, *_flat(health_fields)]
        answer = await call(self._execute("EVAL", _RESET_CURSOR, *arguments))
        return None if answer[0] == b"set" else Fenced(answer[1])

    async def stream_length(self) -> int:
        """How many entries the stream has."""
        return int(await call(self._execute("XLEN", self.keys.entries)))

    async def write_health(self, fields: Mapping[str, str]) -> None:
        """Write fields of the health hash, even if Redis is out of memory."""
        await call(self._execute("EVAL", _WRITE_HEALTH, 1, self.keys.health, *_flat(fields)))

    async def _run_append(self, arguments: list[Any]) -> Any:
        try:
            return await self._execute("EVALSHA", _APPEND_SHA1, *arguments)
        except NoScriptError:
            return await self._execute("EVAL", _APPEND, *arguments)


def _expected(cursor: bytes | None) -> bytes:
    """The expected cursor as the scripts take it: `=` and its value, or nothing if there must be none."""
    return b"" if cursor is None else b"=" + cursor


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [part for item in fields.items() for part in item]
