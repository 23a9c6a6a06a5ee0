"""The pipeline of one event stream: connect, read, decode, batch, write; then reconnect.

Each connection begins with the stored cursor. It ends in four cases:

- The source fails.
- Somebody else sets the cursor.
- Redis stores nothing for long.
- The process stops.

The frames that were read are written before the next connection begins, unless somebody else has set the cursor.
"""

import asyncio
import logging
from collections.abc import Callable
from itertools import count
from typing import Final

from sluice_common.backoff import Backoff
from sluice_common.clock import SYSTEM_CLOCK, Clock, wait_until_set
from sluice_common.tasks import cancel_and_wait, run_until_set
from sluice_common.times import format_time
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.errors import CursorLostError, HaltError
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.pipeline.frame_reader import Decoder, FrameReader, FrameSource, SinkBlockedError
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.writer.batch_writer import BatchWriter, FencedError
from sluice_redis.contract import CURSOR_LIVE, CURSOR_OLDEST, SourceState
from sluice_redis.ingester_settings import OnCursorLost

CHECK_SECONDS: Final = 3.0
"""The interval at which the stored cursor is compared. An append does this too, but a quiet source has none."""
RESET_SECONDS: Final = 600.0
"""The least time between two resets of a lost cursor. A source that needs more of them halts."""
_CHECKS_PER_EVICTION_CHECK: Final = 5
STUCK_SECONDS: Final = 120.0
SILENCE_SECONDS: Final = 1.0
"""If a source sends nothing for one to two of these intervals, it is silent."""

_log = logging.getLogger("sluice_ingester.pipeline.pipeline")


class Pipeline:
    """The ingestion of one event stream. It is a SourceTask. `new_batcher` makes an empty batcher."""

    def __init__(
        self,
        *,
        subscription: FrameSource,
        decoder: Decoder,
        writer: BatchWriter,
        report: HealthReport,
        cursor_tracker: CursorTracker,
        new_batcher: Callable[[], Batcher],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.report = report
        self._writer = writer
        self._cursor_tracker = cursor_tracker
        self._new_batcher = new_batcher
        self._batcher = new_batcher()
        self._reader = FrameReader(
            subscription=subscription, decoder=decoder, report=report, cursor_tracker=cursor_tracker, clock=clock
        )
        self._clock = clock
        self._stopping = asyncio.Event()
        self._reset_at: float | None = None
        self._source_backoff = Backoff(base=1.0, cap=60.0, reset_after=30.0)
        self._had_progress = False
        self._fence_backoff = Backoff(base=0.2, cap=10.0, reset_after=30.0)

    @property
    def buffered(self) -> tuple[int, int]:
        """Number and bytes of the events that are read and not yet stored."""
        batches = [batch for batch in (self._batcher.forming, self._writer.pending) if batch is not None]
        return sum(len(batch.events) for batch in batches), sum(batch.size for batch in batches)

    @property
    def is_stuck(self) -> bool:
        """Whether frames have been waiting for too long, without a known reason."""
        return self.report.condition.state is SourceState.STREAMING and self._batcher.age > STUCK_SECONDS

    def stop(self) -> None:
        """Read nothing more. `run` returns when everything that was read is stored."""
        self._stopping.set()

    async def run(self) -> None:
        """Ingest until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._ingest_once()
            except SourceError as error:
                failure = error.failure
                await self._retry_later(failure.kind, failure.message, minimum=failure.min_delay)
            except FencedError as error:
                self.report.fenced(f"{self.report.source}: {error}: continuing from there")
                await self._pause(self._fence_backoff.next_delay(healthy_seconds=self.report.connected_for))
            except HaltError as error:
                self.report.halted(error.reason, str(error))
                await self._wait_for_cursor_change()
            except SinkBlockedError:
                continue
            except Exception as error:  # noqa: BLE001 - one source must not affect the others
                _log.exception("internal error of Sluice: please report it", extra={"source": self.report.source})
                await self._retry_later("InternalError", f"{type(error).__name__}: {error}")
        self.report.stopped()

    async def _ingest_once(self) -> None:
        try:
            await self._run_connection()
        except CursorLostError as error:
            await self._handle_lost_cursor(error)

    async def _handle_lost_cursor(self, error: CursorLostError) -> None:
        """Reset the cursor as `on_lost` says. Raises HaltError if a person must decide."""
        again = self._reset_at is not None and self._clock.monotonic() - self._reset_at < RESET_SECONDS
        if self._cursor_tracker.on_lost not in {OnCursorLost.OLDEST, OnCursorLost.LIVE} or again:
            raise HaltError(error.gap.reason, f"{error}; {self._cursor_tracker.remedy()}") from None
        target = CURSOR_OLDEST if self._cursor_tracker.on_lost is OnCursorLost.OLDEST else CURSOR_LIVE
        await run_until_set(
            self._stopping,
            self._writer.reset_cursor(target, error.gap.opening_fields(now=format_time(self._clock.now()))),
        )
        self._reset_at = self._clock.monotonic()
        self._source_backoff.reset()
        self.report.error(
            error.gap.reason, f"{error}: continuing with its {self._cursor_tracker.on_lost} events, as chosen"
        )

    async def _run_connection(self) -> None:
        stored = await run_until_set(self._stopping, self._writer.resume())
        if self._stopping.is_set():
            return
        await run_until_set(self._stopping, self._writer.report_if_full())
        cursor = self._cursor_tracker.start_connection(stored)
        batcher = self._batcher = self._new_batcher()
        before = self._writer.progress
        reading = asyncio.create_task(run_until_set(self._stopping, self._reader.read(cursor, batcher)))
        watching_silence = asyncio.create_task(self._watch_for_silence(batcher))
        watching_cursor = asyncio.create_task(self._watch_cursor())
        writing = asyncio.create_task(self._write_batches(batcher))
        try:
            await asyncio.wait(
                {reading, watching_silence, watching_cursor, writing}, return_when=asyncio.FIRST_COMPLETED
            )
            if reading.done() or watching_silence.done():
                await cancel_and_wait(*(task for task in (reading, watching_silence) if not task.done()))
                batcher.close()
                await asyncio.wait({watching_cursor, writing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (writing, watching_cursor, watching_silence, reading):
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            await cancel_and_wait(reading, watching_silence, watching_cursor, writing)
            self._had_progress = self._writer.progress > before
            self._batcher = self._new_batcher()

    async def _watch_for_silence(self, batcher: Batcher) -> None:
        """Notify the cursor tracker when the source has fallen silent. Raises CursorLostError."""
        received = self._cursor_tracker.frames_received
        while True:
            await self._clock.sleep(SILENCE_SECONDS)
            if self.report.connected and batcher.has_room and self._cursor_tracker.frames_received == received:
                self._cursor_tracker.handle_silence(batcher)
            received = self._cursor_tracker.frames_received

    async def _write_batches(self, batcher: Batcher) -> None:
        while (batch := await batcher.take()) is not None:
            await self._writer.write(batch)
            del batch  # otherwise its memory would be kept until the next one
            batcher.written()

    async def _watch_cursor(self) -> None:
        for number in count(1):
            await self._clock.sleep(CHECK_SECONDS)
            await self._writer.check_cursor()
            if number % _CHECKS_PER_EVICTION_CHECK == 0 and await self._writer.evicts_keys():
                raise SinkBlockedError

    async def _wait_for_cursor_change(self) -> None:
        while not self._stopping.is_set():
            await self._pause(CHECK_SECONDS)
            try:
                await self._writer.check_cursor()
            except FencedError as error:
                self.report.warn(f"{self.report.source}: {error}: continuing")
                return

    async def _retry_later(self, kind: str, message: str, *, minimum: float = 0.0) -> None:
        seconds = self._source_backoff.next_delay(
            healthy_seconds=self.report.connected_for, progress=self._had_progress, minimum=minimum
        )
        self._had_progress = False
        self.report.waiting(kind, message, seconds=seconds)
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        await wait_until_set(self._stopping, seconds=seconds, clock=self._clock)
