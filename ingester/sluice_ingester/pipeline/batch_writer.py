"""The writer: offers a batch to Redis until it is taken, and tells what stands in the way.

Backpressure has no end of its own: however long Redis is full, gone or read-only, the same batch
is offered again, under the same name, so that nothing is lost and nothing stands there twice.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from sluice_common.backoff import Backoff
from sluice_ingester.cursor.event_time import epoch_seconds
from sluice_ingester.cursor.frame_digests import FIELDS, FrameDigests
from sluice_ingester.cursor.gap import NO_CURSOR, Gap, ResumePoint
from sluice_ingester.pipeline import batch_splitter
from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.pipeline.batch_splitter import StoredPart
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_redis.contract import HealthField, ResumeField
from sluice_redis.sink.append import Fenced, Full, RedisSink, Stored
from sluice_redis.sink.errors import SinkError, SinkFailure, SinkReason
from sluice_redis.sink.request_limit import RequestSizeLimit

RESUME_PERCENT: Final = 90
"""Of the high-water mark: there a full stream is written to again, so that it does not flutter."""
_GROWTH_CHECKS: Final = 2
"""So many times in a row a full stream must have grown: others, with a higher mark, write to it. Once may be one that
has the same mark, and has found room in between.
"""

_RESUME_FIELDS: Final = (
    HealthField.SEQ,
    HealthField.EVENT_TIME,
    HealthField.STORED,
    ResumeField.LIVE_SINCE,
    ResumeField.PART,
    HealthField.LOST_FROM,
    HealthField.LOST_FROM_TIME,
    HealthField.LOST_TO_TIME,
    HealthField.LOST_REASON,
)


class FencedError(Exception):
    """Another hand has set the cursor; what we hold does not follow it."""

    def __init__(self, *, expected_cursor: bytes | None, stored_cursor: bytes | None) -> None:
        super().__init__(f"the cursor was {_cursor_text(expected_cursor)} and is now {_cursor_text(stored_cursor)}")


class BatchWriter:
    """Writes the batches of one source, one after the other.

    `expected` is the cursor that should be stored now, `pending` the batch that is being written. `progress`
    counts the batches that stored something, or moved the cursor.
    """

    def __init__(self, sink: RedisSink, report: HealthReport, *, high_water_mark: int) -> None:
        self._sink = sink
        self._report = report
        self._high_water_mark = high_water_mark
        self._backoff = Backoff(base=0.1, cap=3.0)
        self._pending_health_fields: dict[str, str] = {}
        self._full_at_start = False
        self.expected_cursor: bytes | None = None
        self.resume_point = ResumePoint(cursor=None)
        self.pending: Batch | None = None
        self.progress = 0
        self._frame_digests = FrameDigests()
        self._stored_part = StoredPart(cursor=None)
        self._request_limit = RequestSizeLimit()
        self._live_since_stored = False

    async def resume(self) -> bytes | None:
        """Read the cursor, and `place`, for as long as it takes, and expect it from now on."""
        self._pending_health_fields = {}
        while True:
            try:
                await self._sink.check_eviction_policy()
                for former in await self._sink.rename_former_keys():
                    self._report.warn(f"the cursor was kept at {former}: it is now at {self._sink.keys.cursor}")
                self.resume_point = await self._read_resume_point()
            except SinkError as error:
                await self._report_and_wait(error)
            else:
                self._report_recovered()
                self.expected_cursor = self.resume_point.cursor
                self._frame_digests = self.resume_point.frame_digests
                self._stored_part = StoredPart.parse(self.resume_point.stored_part, cursor=self.expected_cursor)
                self._live_since_stored = bool(self.resume_point.live_since)
                return self.expected_cursor

    async def report_if_full(self) -> None:
        """Tell if the stream is full before anything is offered to it. `check` tells when it no longer is.

        Else a source that is connected to would look well until its first batch is refused.
        """
        try:
            length = await self._sink.stream_length()
        except SinkError:
            return  # the first batch will tell
        if length >= self._high_water_mark:
            self._full_at_start = True
            self._report.stream_full(self._full_message())

    def add_health_fields(self, health_fields: Mapping[str, str]) -> None:
        """Let the next batch write `fields` of the health hash, in the same step."""
        self._pending_health_fields = self._pending_health_fields | dict(health_fields)

    async def write_health(self, health_fields: Mapping[str, str]) -> None:
        """Write `fields` of the health hash now, for as long as it takes."""
        while True:
            try:
                await self._sink.write_health(dict(health_fields))
            except SinkError as error:
                await self._report_and_wait(error)
            else:
                self._live_since_stored = self._live_since_stored or ResumeField.LIVE_SINCE in health_fields
                return

    async def reset_cursor(self, cursor: str, health_fields: Mapping[str, str]) -> None:
        """Set the cursor to where a source can go on from, for as long as it takes.

        FencedError if it is no longer the one that was found so, or if an answer was lost: read it again.
        """
        while True:
            try:
                fenced = await self._sink.reset_cursor(
                    expected_cursor=self.expected_cursor, cursor=cursor, health_fields=health_fields
                )
            except SinkError as error:
                await self._report_and_wait(error)
                continue
            self._report_recovered()
            if fenced is not None:
                raise FencedError(expected_cursor=self.expected_cursor, stored_cursor=fenced.stored_cursor)
            return

    async def write(self, batch: Batch) -> None:
        """Store `batch`, for as long as it takes; FencedError if the cursor is no longer ours.

        What Redis does not take in one request is stored in several, see `portions`.
        """
        self.pending = batch
        try:
            waiting = [self._stored_part.remaining(batch)]
            while waiting:
                one = waiting.pop(0)
                parts = (
                    []
                    if self._request_limit.allows(batch_splitter.request_size(one))
                    else batch_splitter.split_batch(one)
                )
                if not parts:
                    parts = await self._store(one)
                waiting = parts + waiting
        finally:
            self.pending = None

    async def _store(self, batch: Batch) -> list[Batch]:
        """Store `batch` in one request, or say what is to be stored in its place."""
        cursor = self.expected_cursor if batch.cursor is None else str(batch.cursor).encode()
        noted, self._pending_health_fields = self._pending_health_fields, {}
        frames, digests = self._resume_fields(batch, cursor)
        part = self._stored_part.including(batch) if batch.is_partial else StoredPart(cursor=cursor)
        if part.digests or self._stored_part.digests:
            digests = {**digests, ResumeField.PART.value: part.serialize()}
        append = batch.append_request(expected_cursor=self.expected_cursor, health_fields={**noted, **digests})
        while True:
            began = time.monotonic()
            try:
                answer = await self._sink.append(append)
            except SinkError as error:
                if await self._is_too_large(batch, error.failure):
                    self._record_refusal(batch_splitter.request_size(batch), error.failure)
                    if parts := batch_splitter.split_batch(batch, error_text=error.failure.message):
                        self._pending_health_fields = noted
                        return parts
                await self._report_and_wait(error)
                continue
            self._request_limit.record_success()
            match answer:
                case Full():
                    await self._wait_for_room()
                case Fenced(stored):
                    self._report_recovered()
                    raise FencedError(expected_cursor=self.expected_cursor, stored_cursor=stored)
                case Stored(_, duplicates):
                    break
        if batch.events or batch.resyncs or cursor != self.expected_cursor:
            self.progress += 1
        self.expected_cursor, self._frame_digests, self._stored_part = cursor, frames, part
        self._live_since_stored = self._live_since_stored and batch.cursor is None
        self._report_recovered()
        self._report.batch_stored(batch, seconds=time.monotonic() - began, duplicates=duplicates)
        return []

    async def _is_too_large(self, batch: Batch, failure: SinkFailure) -> bool:
        """Whether `trouble` is that the request was too large, as Redis says or as it seems.

        One that was given up may be done yet: only what moves the cursor can't be done twice then.
        """
        if failure.reason is SinkReason.TOO_LARGE:
            return True
        moves = batch.cursor is not None and str(batch.cursor).encode() != self.expected_cursor
        is_fenced = moves and len(batch.entries) > 1
        alone = len(batch.events) + len(batch.dead_letters) + len(batch.resyncs) < 2
        if failure.reason is SinkReason.TIMEOUT and not is_fenced:
            return False
        if not self._request_limit.may_be_too_large(failure, batch_splitter.request_size(batch), single_event=alone):
            return False
        try:
            [newest] = await self._sink.read_health(HealthField.BATCH)
        except SinkError:
            return False
        return newest != batch.batch_id and self._request_limit.record_suspicion()

    def _record_refusal(self, size: int, failure: SinkFailure) -> None:
        if self._request_limit.max_bytes is None:
            self._report.warn(f"a request of {size} bytes is too large and written in parts: {failure.message}")
        self._request_limit.record_refusal(size, failure)

    def _resume_fields(self, batch: Batch, cursor: bytes | None) -> tuple[FrameDigests, Mapping[str, str]]:
        """What is to stand in the health hash beside `cursor`, with the fields that it takes."""
        fields = {ResumeField.LIVE_SINCE.value: ""} if self._live_since_stored and batch.cursor is not None else {}
        if not (batch.digests or self._frame_digests.is_stored):
            return self._frame_digests, fields
        frames, more = self._frame_digests.add(batch.digests, cursor=cursor)
        return frames, fields | dict(more)

    async def check_cursor(self) -> None:
        """FencedError if the cursor is no longer ours: a quiet source would never notice it.

        Says nothing while a batch is being written, or if Redis does not answer.
        """
        expected = self.expected_cursor
        if self.pending is not None:
            return
        try:
            stored = await self._sink.read_cursor()
            room = self._full_at_start and self._has_room(await self._sink.stream_length())
        except SinkError:
            return
        if room and self.pending is None:
            self._report_recovered()
        if self.pending is None and expected == self.expected_cursor != stored:
            raise FencedError(expected_cursor=expected, stored_cursor=stored)

    async def evicts_keys(self) -> bool:
        """Whether Redis has come to evict keys. `resume` then waits until it no longer does."""
        try:
            await self._sink.check_eviction_policy()
        except SinkError as error:
            return error.failure.reason is SinkReason.EVICTS
        return False

    async def _read_resume_point(self) -> ResumePoint:
        values = await self._sink.read_health(*_RESUME_FIELDS, *FIELDS)
        seq, event_time, stored, live, part, first, since, until, reason = values[: len(_RESUME_FIELDS)]
        cursor = await self._sink.read_cursor()
        loss = None
        if (first.isdecimal() or reason == NO_CURSOR) and not until:
            loss = Gap(first=int(first) if first.isdecimal() else None, since=since or None, reason=reason)
        known = cursor is not None and seq.encode() == cursor
        try:
            told = epoch_seconds(stored)
            epoch_seconds(event_time)
        except ValueError:
            known, told = False, 0.0
        return ResumePoint(
            cursor=cursor,
            event_time=event_time if known else None,
            event_time_noted_at=told,
            open_gap=loss,
            frame_digests=FrameDigests.parse(
                values[len(_RESUME_FIELDS) :], cursor=cursor, undigested_until=_parse_seq(cursor)
            ),
            live_since=live,
            stored_part=part,
        )

    async def _wait_for_room(self) -> None:
        self._report.stream_full(self._full_message())
        before, grown = 0, 0
        while True:
            await asyncio.sleep(self._backoff.next_delay(minimum=0.05))
            try:
                length = await self._sink.stream_length()
            except SinkError as error:
                await self._report_and_wait(error)
                continue
            if self._has_room(length):
                return
            grown = grown + 1 if length > before >= self._high_water_mark else 0
            before = length
            if grown >= _GROWTH_CHECKS:
                self._report.stream_full(self._filled_by_others_message(), reason=SinkReason.FILLED_BY_OTHERS)

    def _has_room(self, length: int) -> bool:
        return length <= self._high_water_mark * RESUME_PERCENT // 100

    def _full_message(self) -> str:
        return (
            f"{self._sink.keys.entries} is at its high-water mark of {self._high_water_mark} entries: "
            "let consumers delete what they are done with, or see spec.retention.trimConsumed and "
            "spec.backpressure.highWaterMark"
        )

    def _filled_by_others_message(self) -> str:
        return (
            f"{self._sink.keys.entries} holds more than this source's high-water mark of {self._high_water_mark} "
            "entries, and others, whose mark is higher, write on: give all sources of a stream the same "
            "spec.backpressure.highWaterMark, or this one keys of its own (spec.redis.keyPrefix), or let consumers "
            "delete what they are done with (spec.retention.trimConsumed)"
        )

    async def _report_and_wait(self, error: SinkError) -> None:
        self._report.sink_failed(error.failure)
        await asyncio.sleep(self._backoff.next_delay())

    def _report_recovered(self) -> None:
        self._full_at_start = False
        self._backoff.reset()
        self._report.sink_recovered()


def _parse_seq(cursor: bytes | None) -> int | None:
    return int(cursor) if cursor is not None and cursor.isdigit() and len(cursor) <= 16 else None


def _cursor_text(cursor: bytes | None) -> str:
    return "missing" if cursor is None else repr(cursor.decode(errors="replace")[:64])
