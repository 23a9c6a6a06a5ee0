"""The append: one batch of whole frames, with its cursor, in one round trip to Redis."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Final

from redis.exceptions import NoScriptError

from sluice_redis.client import Client
from sluice_redis.contract import DEADLETTER_CAP, Stream, StreamKeys
from sluice_redis.sink.call import call
from sluice_redis.sink.deduplication import Duplicates, Known
from sluice_redis.sink.eviction_policy import refuse_eviction

_SCRIPT: Final = resources.files(__package__).joinpath("append.lua").read_bytes()
_UNKNOWN: Final = Known(buckets=(), seconds=0, tag=b"", digests=())
_RESET: Final = resources.files(__package__).joinpath("reset.lua").read_bytes()
_REPORT: Final = resources.files(__package__).joinpath("report.lua").read_bytes()
_ADOPT: Final = resources.files(__package__).joinpath("adopt.lua").read_bytes()
_SHA1: Final = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An entry of the dead-letter stream: see contract.DeadLetterField."""

    seq: str
    reason: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """What one call stores.

    `expected` is the cursor that must be stored now, exactly; None if there must be none.
    `cursor` is the new one; None leaves it. `name` is unique to the batch and the same in every
    repetition of the call. `resyncs` go to the backfill's stream, and `fields` into the health hash, in
    the same step. `time` is that of the newest event, or None.
    """

    name: str
    expected: bytes | None
    cursor: int | str | None
    events: Sequence[bytes]
    letters: Sequence[Letter] = ()
    resyncs: Sequence[bytes] = ()
    time: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


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

    stored: bytes | None


class Sink:
    """One source's place in Redis. Every method raises SinkError, and nothing else, if Redis fails."""

    def __init__(
        self, redis: Client, keys: StreamKeys, *, high_water_mark: int, deduplicate_seconds: int | None = None
    ) -> None:
        """`deduplicate_seconds`: for how long events of other relays are known again; None: not at all."""
        self.keys = keys
        self._execute: Callable[..., Awaitable[Any]] = redis.execute_command
        self._mark = high_water_mark
        self._duplicates = Duplicates(keys, window=deduplicate_seconds) if deduplicate_seconds else None

    async def append(self, append: Append) -> Stored | Full | Fenced:
        """Store a batch and its cursor, or nothing of it.

        After a SinkError it is unknown whether it was stored: call again with the same `append`.
        """
        keys = self.keys
        # A user need not be allowed to touch the backfill's stream where nothing goes there.
        names = [keys.cursor, keys.entries, keys.health, keys.deadletter, *([keys.resyncs] if append.resyncs else [])]
        known = self._duplicates.known(append.events) if self._duplicates else _UNKNOWN
        names += known.buckets
        arguments: list[Any] = [
            len(names),
            *names,
            b"" if append.expected is None else b"=" + append.expected,
            "" if append.cursor is None else append.cursor,
            self._mark,
            append.name,
            keys.stream.field,
            len(append.events),
            len(append.letters),
            DEADLETTER_CAP,
            timestamp(),
            append.time or "",
            keys.host,
            len(append.fields),
            len(known.buckets),
            known.seconds,
            known.tag,
            *(part for item in append.fields.items() for part in item),
            *known.digests,
            *append.events,
        ]
        for letter in append.letters:
            arguments += (letter.seq, letter.reason, letter.detail, letter.payload)
        arguments += append.resyncs
        match await call(self._script(arguments)):
            case [b"stored", int(length), int(duplicates)]:
                return Stored(length, duplicates)
            case [b"full", int(length)]:
                return Full(length)
            case [b"fenced", (bytes() | None) as stored]:
                return Fenced(stored)
            case answer:
                raise AssertionError(f"the script answered {answer!r}")

    async def refuse_eviction(self) -> None:
        """SinkError if this Redis may throw away what stands in it."""
        await refuse_eviction(self._execute, self.keys.cursor)

    async def adopt(self) -> list[str]:
        """Bring cursor and health hash here from where older versions kept them. The former keys of the cursors."""
        keys = self.keys
        if not keys.former:
            return []
        names = [name for one in (keys, *keys.formerly) for name in (one.cursor, one.health)]
        kind = "" if keys.stream is Stream.BACKFILL else "seq"
        renamed = await call(self._execute("EVAL", _ADOPT, len(names), *names, kind))
        return [name.decode(errors="replace") for name in renamed]

    async def cursor(self) -> bytes | None:
        """The stored cursor, None if there is none."""
        stored: bytes | None = await call(self._execute("GET", self.keys.cursor))
        return stored

    async def health(self, *fields: str) -> list[str]:
        """Those fields of the health hash, empty where they are missing."""
        values = await call(self._execute("HMGET", self.keys.health, *fields))
        return ["" if value is None else value.decode(errors="replace") for value in values]

    async def reset(self, *, expected: bytes | None, cursor: str, fields: Mapping[str, str]) -> Fenced | None:
        """Put `cursor` in the place of the `expected` one, and `fields` into the health hash, in one step."""
        keys = self.keys
        arguments = [2, keys.cursor, keys.health, b"" if expected is None else b"=" + expected, cursor]
        arguments += [part for item in fields.items() for part in item]
        answer = await call(self._execute("EVAL", _RESET, *arguments))
        return None if answer[0] == b"set" else Fenced(answer[1])

    async def length(self) -> int:
        """How many entries the stream holds."""
        return int(await call(self._execute("XLEN", self.keys.entries)))

    async def report(self, fields: dict[str, str]) -> None:
        """Write fields of the health hash, even if Redis is out of memory."""
        arguments = (part for item in fields.items() for part in item)
        await call(self._execute("EVAL", _REPORT, 1, self.keys.health, *arguments))

    async def _script(self, arguments: list[Any]) -> Any:
        try:
            return await self._execute("EVALSHA", _SHA1, *arguments)
        except NoScriptError:
            return await self._execute("EVAL", _SCRIPT, *arguments)


def timestamp(*, ahead: timedelta = timedelta()) -> str:
    """Now (or `ahead` of it) as every time in Redis is written: RFC 3339 UTC with milliseconds."""
    return (datetime.now(UTC) + ahead).isoformat(timespec="milliseconds").replace("+00:00", "Z")
