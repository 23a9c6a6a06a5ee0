"""The writer: offers a batch to Redis until it is taken, and tells what stands in the way.

Backpressure has no end of its own: however long Redis is full, gone or read-only, the same batch
is offered again, under the same name, so that nothing is lost and nothing stands there twice.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from sluice_common.backoff import Backoff
from sluice_ingester.cursor.event_time import seconds_of
from sluice_ingester.cursor.frame_digests import FIELDS, Frames
from sluice_ingester.cursor.gap import NO_CURSOR, Loss, Place
from sluice_ingester.pipeline import batch_splitter
from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.pipeline.batch_splitter import Part
from sluice_ingester.telemetry.health_report import Report
from sluice_redis.contract import Health, Memory
from sluice_redis.sink.append import Fenced, Full, Sink, Stored
from sluice_redis.sink.errors import SinkError, SinkReason, Trouble
from sluice_redis.sink.request_limit import Limit

RESUME_PERCENT: Final = 90
"""Of the high-water mark: there a full stream is written to again, so that it does not flutter."""
_OTHERS_WRITE: Final = 2
"""So many times in a row a full stream must have grown: others, with a higher mark, write to it. Once may be one that
has the same mark, and has found room in between.
"""

_PLACE: Final = (
    Health.SEQ,
    Health.EVENT_TIME,
    Health.STORED,
    Memory.LIVE_SINCE,
    Memory.PART,
    Health.LOST_FROM,
    Health.LOST_FROM_TIME,
    Health.LOST_TO_TIME,
    Health.LOST_REASON,
)


class FencedError(Exception):
    """Another hand has set the cursor; what we hold does not follow it."""

    def __init__(self, *, expected: bytes | None, stored: bytes | None) -> None:
        super().__init__(f"the cursor was {_shown(expected)} and is now {_shown(stored)}")


class Writer:
    """Writes the batches of one source, one after the other.

    `expected` is the cursor that should be stored now, `pending` the batch that is being written. `progress`
    counts the batches that stored something, or moved the cursor.
    """

    def __init__(self, sink: Sink, report: Report, *, high_water_mark: int) -> None:
        self._sink = sink
        self._report = report
        self._mark = high_water_mark
        self._backoff = Backoff(base=0.1, cap=3.0)
        self._fields: dict[str, str] = {}
        self._full_at_start = False
        self.expected: bytes | None = None
        self.place = Place(cursor=None)
        self.pending: Batch | None = None
        self.progress = 0
        self._frames = Frames()
        self._part = Part(cursor=None)
        self._limit = Limit()
        self._is_live = False

    async def resume(self) -> bytes | None:
        """Read the cursor, and `place`, for as long as it takes, and expect it from now on."""
        self._fields = {}
        while True:
            try:
                await self._sink.refuse_eviction()
                for former in await self._sink.adopt():
                    self._report.note(f"the cursor was kept at {former}: it is now at {self._sink.keys.cursor}")
                self.place = await self._find_place()
            except SinkError as error:
                await self._bear(error)
            else:
                self._well()
                self.expected = self.place.cursor
                self._frames = self.place.frames
                self._part = Part.read(self.place.part, cursor=self.expected)
                self._is_live = bool(self.place.live_since)
                return self.expected

    async def look_for_room(self) -> None:
        """Tell if the stream is full before anything is offered to it. `check` tells when it no longer is.

        Else a source that is connected to would look well until its first batch is refused.
        """
        try:
            length = await self._sink.length()
        except SinkError:
            return  # the first batch will tell
        if length >= self._mark:
            self._full_at_start = True
            self._report.full(self._full())

    def note(self, fields: Mapping[str, str]) -> None:
        """Let the next batch write `fields` of the health hash, in the same step."""
        self._fields = self._fields | dict(fields)

    async def tell(self, fields: Mapping[str, str]) -> None:
        """Write `fields` of the health hash now, for as long as it takes."""
        while True:
            try:
                await self._sink.report(dict(fields))
            except SinkError as error:
                await self._bear(error)
            else:
                self._is_live = self._is_live or Memory.LIVE_SINCE in fields
                return

    async def reset(self, cursor: str, fields: Mapping[str, str]) -> None:
        """Set the cursor to where a source can go on from, for as long as it takes.

        FencedError if it is no longer the one that was found so, or if an answer was lost: read it again.
        """
        while True:
            try:
                fenced = await self._sink.reset(expected=self.expected, cursor=cursor, fields=fields)
            except SinkError as error:
                await self._bear(error)
                continue
            self._well()
            if fenced is not None:
                raise FencedError(expected=self.expected, stored=fenced.stored)
            return

    async def write(self, batch: Batch) -> None:
        """Store `batch`, for as long as it takes; FencedError if the cursor is no longer ours.

        What Redis does not take in one request is stored in several, see `portions`.
        """
        self.pending = batch
        try:
            waiting = [self._part.rest_of(batch)]
            while waiting:
                one = waiting.pop(0)
                parts = [] if self._limit.lets(batch_splitter.size(one)) else batch_splitter.smaller(one)
                if not parts:
                    parts = await self._store(one)
                waiting = parts + waiting
        finally:
            self.pending = None

    async def _store(self, batch: Batch) -> list[Batch]:
        """Store `batch` in one request, or say what is to be stored in its place."""
        cursor = self.expected if batch.cursor is None else str(batch.cursor).encode()
        noted, self._fields = self._fields, {}
        frames, digests = self._remember(batch, cursor)
        part = self._part.with_(batch) if batch.goes_on else Part(cursor=cursor)
        if part.digests or self._part.digests:
            digests = {**digests, Memory.PART.value: part.write()}
        append = batch.append(expected=self.expected, fields={**noted, **digests})
        while True:
            began = time.monotonic()
            try:
                answer = await self._sink.append(append)
            except SinkError as error:
                if await self._is_too_large(batch, error.trouble):
                    self._learn(batch_splitter.size(batch), error.trouble)
                    if parts := batch_splitter.smaller(batch, words=error.trouble.message):
                        self._fields = noted
                        return parts
                await self._bear(error)
                continue
            self._limit.taken()
            match answer:
                case Full():
                    await self._wait_for_room()
                case Fenced(stored):
                    self._well()
                    raise FencedError(expected=self.expected, stored=stored)
                case Stored(_, duplicates):
                    break
        if batch.events or batch.resyncs or cursor != self.expected:
            self.progress += 1
        self.expected, self._frames, self._part = cursor, frames, part
        self._is_live = self._is_live and batch.cursor is None
        self._well()
        self._report.stored(batch, seconds=time.monotonic() - began, duplicates=duplicates)
        return []

    async def _is_too_large(self, batch: Batch, trouble: Trouble) -> bool:
        """Whether `trouble` is that the request was too large, as Redis says or as it seems.

        One that was given up may be done yet: only what moves the cursor can't be done twice then.
        """
        if trouble.reason is SinkReason.TOO_LARGE:
            return True
        moves = batch.cursor is not None and str(batch.cursor).encode() != self.expected
        is_fenced = moves and len(batch.pieces) > 1
        alone = len(batch.events) + len(batch.dead) + len(batch.resyncs) < 2
        if trouble.reason is SinkReason.TIMEOUT and not is_fenced:
            return False
        if not self._limit.suspects(trouble, batch_splitter.size(batch), alone=alone):
            return False
        try:
            [newest] = await self._sink.health(Health.BATCH)
        except SinkError:
            return False
        return newest != batch.name and self._limit.strike()

    def _learn(self, size: int, trouble: Trouble) -> None:
        if self._limit.bytes is None:
            self._report.note(f"a request of {size} bytes is too large and written in parts: {trouble.message}")
        self._limit.learn(size, trouble)

    def _remember(self, batch: Batch, cursor: bytes | None) -> tuple[Frames, Mapping[str, str]]:
        """What is to stand in the health hash beside `cursor`, with the fields that it takes."""
        fields = {Memory.LIVE_SINCE.value: ""} if self._is_live and batch.cursor is not None else {}
        if not (batch.digests or self._frames.written):
            return self._frames, fields
        frames, more = self._frames.add(batch.digests, cursor=cursor)
        return frames, fields | dict(more)

    async def check(self) -> None:
        """FencedError if the cursor is no longer ours: a quiet source would never notice it.

        Says nothing while a batch is being written, or if Redis does not answer.
        """
        expected = self.expected
        if self.pending is not None:
            return
        try:
            stored = await self._sink.cursor()
            room = self._full_at_start and self._has_room(await self._sink.length())
        except SinkError:
            return
        if room and self.pending is None:
            self._well()
        if self.pending is None and expected == self.expected != stored:
            raise FencedError(expected=expected, stored=stored)

    async def may_lose(self) -> bool:
        """Whether Redis has come to evict keys. `resume` then waits until it no longer does."""
        try:
            await self._sink.refuse_eviction()
        except SinkError as error:
            return error.trouble.reason is SinkReason.EVICTS
        return False

    async def _find_place(self) -> Place:
        values = await self._sink.health(*_PLACE, *FIELDS)
        seq, event_time, stored, live, part, first, since, until, reason = values[: len(_PLACE)]
        cursor = await self._sink.cursor()
        loss = None
        if (first.isdecimal() or reason == NO_CURSOR) and not until:
            loss = Loss(first=int(first) if first.isdecimal() else None, since=since or None, reason=reason)
        known = cursor is not None and seq.encode() == cursor
        try:
            told = seconds_of(stored)
            seconds_of(event_time)
        except ValueError:
            known, told = False, 0.0
        return Place(
            cursor=cursor,
            time=event_time if known else None,
            told=told,
            open=loss,
            frames=Frames.read(values[len(_PLACE) :], cursor=cursor, blind=_seq(cursor)),
            live_since=live,
            part=part,
        )

    async def _wait_for_room(self) -> None:
        self._report.full(self._full())
        before, grown = 0, 0
        while True:
            await asyncio.sleep(self._backoff.failed(at_least=0.05))
            try:
                length = await self._sink.length()
            except SinkError as error:
                await self._bear(error)
                continue
            if self._has_room(length):
                return
            grown = grown + 1 if length > before >= self._mark else 0
            before = length
            if grown >= _OTHERS_WRITE:
                self._report.full(self._filled_by_others(), reason=SinkReason.FILLED_BY_OTHERS)

    def _has_room(self, length: int) -> bool:
        return length <= self._mark * RESUME_PERCENT // 100

    def _full(self) -> str:
        return (
            f"{self._sink.keys.entries} is at its high-water mark of {self._mark} entries: let consumers delete what "
            "they are done with, or see spec.retention.trimConsumed and spec.backpressure.highWaterMark"
        )

    def _filled_by_others(self) -> str:
        return (
            f"{self._sink.keys.entries} holds more than this source's high-water mark of {self._mark} entries, and "
            "others, whose mark is higher, write on: give all sources of a stream the same "
            "spec.backpressure.highWaterMark, or this one keys of its own (spec.redis.keyPrefix), or let consumers "
            "delete what they are done with (spec.retention.trimConsumed)"
        )

    async def _bear(self, error: SinkError) -> None:
        self._report.trouble(error.trouble)
        await asyncio.sleep(self._backoff.failed())

    def _well(self) -> None:
        self._full_at_start = False
        self._backoff.reset()
        self._report.taken()


def _seq(cursor: bytes | None) -> int | None:
    return int(cursor) if cursor is not None and cursor.isdigit() and len(cursor) <= 16 else None


def _shown(cursor: bytes | None) -> str:
    return "missing" if cursor is None else repr(cursor.decode(errors="replace")[:64])
