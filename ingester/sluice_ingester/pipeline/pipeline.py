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
from functools import partial
from typing import Any, Final

from sluice_common.backoff import Backoff
from sluice_common.clock import SYSTEM_CLOCK, Clock, wait_until_set
from sluice_common.tasks import cancel_and_wait, run_until_set
from sluice_common.ticker import Ticker
from sluice_common.times import format_time
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.errors import CursorLostError, HaltError
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.pipeline.frame_handler import Decoder
from sluice_ingester.pipeline.frame_reader import FrameReader, FrameSource, SinkBlockedError
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.writer.batch_writer import BatchWriter, FencedError
from sluice_ingester.writer.cursor_watch import CursorWatch, EvictsError
from sluice_redis.contract import CURSOR_LIVE, CURSOR_OLDEST, SourceState
from sluice_redis.ingester_settings import OnCursorLost

RESET_SECONDS: Final = 600.0
"""The least time between two resets of a lost cursor. A source that needs more of them halts."""
STUCK_SECONDS: Final = 120.0

_log = logging.getLogger("sluice_ingester.pipeline.pipeline")


class _Ending:
    """How a connection is ended by something else than its reader and its writer.

    `stopped`: read nothing more, but store what was read. Its result is the reason, None if the source is to stop.
    `aborted`: store nothing more.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.stopped: asyncio.Future[Exception | None] = loop.create_future()
        self.aborted: asyncio.Future[Exception] = loop.create_future()

    def stop(self, reason: Exception | None = None) -> None:
        if not self.stopped.done():
            self.stopped.set_result(reason)

    def abort(self, reason: Exception) -> None:
        if not self.aborted.done():
            self.aborted.set_result(reason)


class _Silence:
    """Notices at each tick whether the source has sent nothing since the one before."""

    def __init__(self, tracker: CursorTracker) -> None:
        self._tracker = tracker
        self._received = tracker.frames_received

    def is_silent(self) -> bool:
        before, self._received = self._received, self._tracker.frames_received
        return self._received == before


class Pipeline:
    """The ingestion of one event stream. It is a SourceTask.

    `new_batcher` makes an empty batcher. `cursor_watch` and `ticker` are those of the process. A source that sends
    nothing for one to two intervals of `ticker` is silent.
    """

    def __init__(
        self,
        *,
        subscription: FrameSource,
        decoder: Decoder,
        writer: BatchWriter,
        report: HealthReport,
        cursor_tracker: CursorTracker,
        new_batcher: Callable[[], Batcher],
        cursor_watch: CursorWatch,
        ticker: Ticker,
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
        self._cursor_watch = cursor_watch
        self._ticker = ticker
        self._clock = clock
        self._stopping = asyncio.Event()
        self._ending: _Ending | None = None
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
        if self._ending is not None:
            self._ending.stop()

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
            except (SinkBlockedError, EvictsError):
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
        self._ending = _Ending()
        if self._stopping.is_set():
            self._ending.stop()
        silence = partial(self._handle_tick, _Silence(self._cursor_tracker), batcher, self._ending)
        try:
            with self._cursor_watch.watching(self._writer, self._ending.abort), self._ticker.calling(silence):
                await self._read_and_write(cursor, batcher, self._ending)
        finally:
            self._ending = None
            batcher.release()
            self._had_progress = self._writer.progress > before
            self._batcher = self._new_batcher()

    async def _read_and_write(self, cursor: str | None, batcher: Batcher, ending: _Ending) -> None:
        """Read and write until one of them ends, or `ending` says so. Raises the reason."""
        reading = asyncio.create_task(self._reader.read(cursor, batcher))
        writing = asyncio.create_task(self._write_batches(batcher))
        try:
            first: set[asyncio.Future[Any]] = {reading, writing, ending.stopped, ending.aborted}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() or ending.stopped.done():
                if not reading.done():
                    await cancel_and_wait(reading)
                batcher.close()
                last: set[asyncio.Future[Any]] = {writing, ending.aborted}
                await asyncio.wait(last, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
            for ended in (ending.aborted, ending.stopped):
                if ended.done() and (reason := ended.result()) is not None:
                    raise reason
            if reading.done() and not reading.cancelled():
                reading.result()
        finally:
            await cancel_and_wait(reading, writing)

    def _handle_tick(self, silence: _Silence, batcher: Batcher, ending: _Ending) -> None:
        """Notify the cursor tracker when the source has fallen silent."""
        is_silent = silence.is_silent()
        if is_silent and self.report.connected and batcher.has_room and not ending.stopped.done():
            try:
                self._cursor_tracker.handle_silence(batcher)
            except Exception as error:  # noqa: BLE001 - it ends this connection, and not the ticker
                ending.stop(error)

    async def _write_batches(self, batcher: Batcher) -> None:
        while (batch := await batcher.take()) is not None:
            await self._writer.write(batch)
            del batch  # otherwise its memory would be kept until the next one
            batcher.written()

    async def _wait_for_cursor_change(self) -> None:
        try:
            await self._cursor_watch.wait(self._writer, self._stopping)
        except FencedError as error:
            self.report.warn(f"{self.report.source}: {error}: continuing")

    async def _retry_later(self, kind: str, message: str, *, minimum: float = 0.0) -> None:
        seconds = self._source_backoff.next_delay(
            healthy_seconds=self.report.connected_for, progress=self._had_progress, minimum=minimum
        )
        self._had_progress = False
        self.report.waiting(kind, message, seconds=seconds)
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        await wait_until_set(self._stopping, seconds=seconds, clock=self._clock)
