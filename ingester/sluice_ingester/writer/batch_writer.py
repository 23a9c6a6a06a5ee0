"""The writer: it sends a batch to Redis until Redis stores it, and reports what prevents that.

Backpressure has no time limit. However long Redis is full, unreachable or read-only, the same batch is sent again, with
the same ID. So nothing is lost, and nothing is stored twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sluice_common.backoff import Backoff
from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_ingester.batches import batch_splitter
from sluice_ingester.batches.batch import Batch
from sluice_ingester.batches.batch_splitter import StoredPart
from sluice_ingester.cursor.frame_digests import FrameDigests
from sluice_ingester.cursor.gap import ResumePoint
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.writer.resume import read_resume_point
from sluice_redis.contract import HealthField, ResumeField, StreamKeys
from sluice_redis.sink.errors import SinkError, SinkFailure, SinkReason
from sluice_redis.sink.many_sources import Position
from sluice_redis.sink.protocol import Sink
from sluice_redis.sink.request import Fenced, Full, Stored
from sluice_redis.sink.request_limit import RequestSizeLimit

RESUME_PERCENT: Final = 90
"""In percent of the high-water mark: the length at which writing resumes. It is lower, so that writing does not stop
and start often.
"""
_GROWTH_CHECKS: Final = 2
"""How often in a row a full stream must grow before other sources with a higher mark are reported. A source with the
same mark can cause a single growth, if the stream was not full for a moment.
"""


class FencedError(Exception):
    """Somebody else has set the cursor. The buffered frames do not follow it."""

    def __init__(self, *, expected_cursor: bytes | None, stored_cursor: bytes | None) -> None:
        super().__init__(f"the cursor was {_cursor_text(expected_cursor)} and is now {_cursor_text(stored_cursor)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorQuery:
    """What to read to compare a stored cursor, and the cursor that was expected when this was asked."""

    keys: StreamKeys
    expected_cursor: bytes | None
    wants_length: bool


class BatchWriter:
    """Writes the batches of one source, one after the other.

    `expected_cursor` is the cursor that should be stored now. `pending` is the batch that is being written. `progress`
    counts the batches that stored something or moved the cursor.
    """

    def __init__(self, sink: Sink, report: HealthReport, *, high_water_mark: int, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
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
        self._request_limit = RequestSizeLimit(clock=clock)
        self._live_since_stored = False

    @property
    def keys(self) -> StreamKeys:
        """The keys of the source."""
        return self._sink.keys

    async def resume(self) -> bytes | None:
        """Read the cursor and the `resume_point`, for as long as it takes. The cursor is then the expected one."""
        self._pending_health_fields = {}
        while True:
            try:
                await self._sink.check_eviction_policy()
                for former in await self._sink.rename_former_keys():
                    self._report.warn(f"the cursor was kept at {former}: it is now at {self._sink.keys.cursor}")
                self.resume_point = await read_resume_point(self._sink)
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
        """Report a full stream before anything is written. `compare` reports when it is no longer full.

        Otherwise a connected source would seem healthy until its first batch is refused.
        """
        try:
            length = await self._sink.stream_length()
        except SinkError:
            return  # the first batch will fail as well, and is reported
        if length >= self._high_water_mark:
            self._full_at_start = True
            self._report.stream_full(self._full_message())

    def add_health_fields(self, health_fields: Mapping[str, str]) -> None:
        """Write fields of the health hash with the next batch, in the same step."""
        self._pending_health_fields = self._pending_health_fields | dict(health_fields)

    async def write_health(self, health_fields: Mapping[str, str]) -> None:
        """Write fields of the health hash now, for as long as it takes."""
        while True:
            try:
                await self._sink.write_health(dict(health_fields))
            except SinkError as error:
                await self._report_and_wait(error)
            else:
                self._live_since_stored = self._live_since_stored or ResumeField.LIVE_SINCE in health_fields
                return

    async def reset_cursor(self, cursor: str, health_fields: Mapping[str, str]) -> None:
        """Set the cursor to one that the source can continue from, for as long as it takes.

        FencedError if the stored cursor is not the expected one. Then somebody else has set it, or a response was lost.
        Call `resume` again.
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
        """Store `batch`, for as long as it takes. FencedError if somebody else has set the cursor.

        A batch that is too large for one request is split.
        """
        self.pending = batch
        try:
            to_write = [self._stored_part.remaining(batch)]
            while to_write:
                one = to_write.pop(0)
                parts = (
                    []
                    if self._request_limit.allows(batch_splitter.request_size(one))
                    else batch_splitter.split_batch(one)
                )
                if not parts:
                    parts = await self._store(one)
                to_write = parts + to_write
        finally:
            self.pending = None

    async def _store(self, batch: Batch) -> list[Batch]:
        """Store `batch` in one request. If it is too large, return the batches to store instead."""
        cursor = self.expected_cursor if batch.cursor is None else str(batch.cursor).encode()
        added_fields, self._pending_health_fields = self._pending_health_fields, {}
        digests, resume_fields = self._resume_fields(batch, cursor)
        part = self._stored_part.including(batch) if batch.is_partial else StoredPart(cursor=cursor)
        if part.digests or self._stored_part.digests:
            resume_fields = {**resume_fields, ResumeField.PART.value: part.serialize()}
        request = batch.append_request(
            expected_cursor=self.expected_cursor, health_fields={**added_fields, **resume_fields}
        )
        while True:
            began = self._clock.monotonic()
            try:
                answer = await self._sink.append(request)
            except SinkError as error:
                if await self._is_too_large(batch, error.failure):
                    self._record_refusal(batch_splitter.request_size(batch), error.failure)
                    if parts := batch_splitter.split_batch(batch, error_text=error.failure.message):
                        self._pending_health_fields = added_fields
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
        self.expected_cursor, self._frame_digests, self._stored_part = cursor, digests, part
        self._live_since_stored = self._live_since_stored and batch.cursor is None
        self._report_recovered()
        self._report.batch_stored(batch, seconds=self._clock.monotonic() - began, duplicates=duplicates)
        return []

    async def _is_too_large(self, batch: Batch, failure: SinkFailure) -> bool:
        """Whether the request was too large: Redis says so, or it is likely.

        A request that timed out may still be executed. Then only a batch that moves the cursor is safe to split,
        because the fence protects it.
        """
        if failure.reason is SinkReason.TOO_LARGE:
            return True
        moves = batch.cursor is not None and str(batch.cursor).encode() != self.expected_cursor
        is_fenced = moves and len(batch.entries) > 1
        is_single = len(batch.events) + len(batch.dead_letters) + len(batch.resyncs) < 2
        if failure.reason is SinkReason.TIMEOUT and not is_fenced:
            return False
        if not self._request_limit.may_be_too_large(
            failure, batch_splitter.request_size(batch), single_event=is_single
        ):
            return False
        try:
            [newest] = await self._sink.read_health(HealthField.BATCH)
        except SinkError:
            return False
        return newest != batch.batch_id and self._request_limit.record_suspicion()

    def _record_refusal(self, size: int, failure: SinkFailure) -> None:
        if self._request_limit.max_bytes is None:
            self._report.warn(f"a request of {size} bytes is too large, and is split: {failure.message}")
        self._request_limit.record_refusal(size, failure)

    def _resume_fields(self, batch: Batch, cursor: bytes | None) -> tuple[FrameDigests, Mapping[str, str]]:
        """The digests to store with `cursor`, and the fields of the health hash for the next resume."""
        fields = {ResumeField.LIVE_SINCE.value: ""} if self._live_since_stored and batch.cursor is not None else {}
        if not (batch.digests or self._frame_digests.is_stored):
            return self._frame_digests, fields
        digests, more = self._frame_digests.add(batch.digests, cursor=cursor)
        return digests, fields | dict(more)

    def cursor_query(self) -> CursorQuery | None:
        """What to read to compare the stored cursor, for `compare`. None while a batch is being written.

        An append compares it too, but a quiet source has none.
        """
        if self.pending is not None:
            return None
        return CursorQuery(keys=self.keys, expected_cursor=self.expected_cursor, wants_length=self._full_at_start)

    def compare(self, query: CursorQuery, position: Position) -> None:
        """Compare with what `query` has found. FencedError if somebody else has set the cursor."""
        if self.pending is not None:
            return
        if self._full_at_start and position.length is not None and self._has_room(position.length):
            self._report_recovered()
        if query.expected_cursor == self.expected_cursor != position.cursor:
            raise FencedError(expected_cursor=self.expected_cursor, stored_cursor=position.cursor)

    async def _wait_for_room(self) -> None:
        self._report.stream_full(self._full_message())
        before, grown = 0, 0
        while True:
            await self._clock.sleep(self._backoff.next_delay(minimum=0.05))
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
            "let consumers delete entries that they have processed, or see spec.retention.trimConsumed and "
            "spec.backpressure.highWaterMark"
        )

    def _filled_by_others_message(self) -> str:
        return (
            f"{self._sink.keys.entries} holds more than this source's high-water mark of {self._high_water_mark} "
            "entries, and sources with a higher mark still write. Give all sources of a stream the same "
            "spec.backpressure.highWaterMark, or give this one its own spec.redis.keyPrefix. Or let consumers delete "
            "entries that they have processed (spec.retention.trimConsumed)"
        )

    async def _report_and_wait(self, error: SinkError) -> None:
        self._report.sink_failed(error.failure)
        await self._clock.sleep(self._backoff.next_delay())

    def _report_recovered(self) -> None:
        self._full_at_start = False
        self._backoff.reset()
        self._report.sink_recovered()


def _cursor_text(cursor: bytes | None) -> str:
    return "missing" if cursor is None else repr(cursor.decode(errors="replace")[:64])
