"""One source from its socket to its stream: connect, read, decode, batch, write; and all over again.

A session is one connection. It begins with the stored cursor and ends when the source fails, the
cursor is set by another hand, Redis takes nothing for long, or the process stops. What was read
whole by then is written before the next one begins, unless the cursor has moved.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, Final, TypeVar

from sluice_common.backoff import Backoff
from sluice_common.tasks import cancel_and_wait
from sluice_ingester.cursor.gap import OnCursorLost
from sluice_ingester.cursor.tracker import CursorLostError, CursorTracker, HaltError
from sluice_ingester.pipeline.batch_writer import BatchWriter, FencedError
from sluice_ingester.pipeline.batcher import Batcher
from sluice_ingester.pipeline.frame_reader import Decoder, FrameReader, SinkBlockedError
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_redis.contract import CURSOR_LIVE, CURSOR_OLDEST, SourceState
from sluice_redis.sink.append import timestamp

CHECK_SECONDS: Final = 3.0
"""How often a cursor is looked at that no append looks at: of a quiet or a halted source."""
RESET_SECONDS: Final = 600.0
"""A cursor is reset no more often than this; a source that needs it more often halts."""
_CHECKS_PER_EVICTION_CHECK: Final = 5
STUCK_SECONDS: Final = 120.0
SILENCE_SECONDS: Final = 1.0
"""A source that says nothing from one look to the next, so long after, has said all for now."""

T = TypeVar("T")

_log = logging.getLogger("sluice_ingester.pipeline.pipeline")


class Pipeline:
    """The ingestion of one source. `run` it until `stop`. `new_intake` makes an empty intake."""

    def __init__(
        self,
        *,
        subscription: Subscription,
        decoder: Decoder,
        writer: BatchWriter,
        report: HealthReport,
        cursor_tracker: CursorTracker,
        new_batcher: Callable[[], Batcher],
    ) -> None:
        self.report = report
        self._writer = writer
        self._cursor_tracker = cursor_tracker
        self._new_batcher = new_batcher
        self._batcher = new_batcher()
        self._reader = FrameReader(
            subscription=subscription, decoder=decoder, report=report, cursor_tracker=cursor_tracker
        )
        self._stopping = asyncio.Event()
        self._reset_at: float | None = None
        self._source_backoff = Backoff(base=1.0, cap=60.0, reset_after=30.0)
        self._had_progress = False
        self._fence_backoff = Backoff(base=0.2, cap=10.0, reset_after=30.0)

    @property
    def buffered(self) -> tuple[int, int]:
        """Events, and bytes of them, that are read and not yet stored."""
        batches = [batch for batch in (self._batcher.forming, self._writer.pending) if batch is not None]
        return sum(len(batch.events) for batch in batches), sum(batch.size for batch in batches)

    @property
    def is_stuck(self) -> bool:
        """Whether frames wait for much too long though nothing stands in their way."""
        return self.report.condition.state is SourceState.STREAMING and self._batcher.age > STUCK_SECONDS

    def stop(self) -> None:
        """Read nothing more; `run` returns when what was read is stored."""
        self._stopping.set()

    async def run(self) -> None:
        """Ingest until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._ingest_once()
            except SourceError as error:
                failure = error.failure
                await self._retry_later(failure.kind, failure.message, at_least=failure.min_delay)
            except FencedError as error:
                self.report.fenced(f"{self.report.source}: {error}: following it")
                await self._pause(self._fence_backoff.next_delay(healthy_seconds=self.report.connected_for))
            except HaltError as error:
                self.report.halted(error.reason, str(error))
                await self._wait_for_cursor_change()
            except SinkBlockedError:
                continue
            except Exception as error:  # noqa: BLE001 - one source's fault must not end the others
                _log.exception("a fault of Sluice's own: please report it", extra={"source": self.report.source})
                await self._retry_later("InternalError", f"{type(error).__name__}: {error}")
        self.report.stopped()

    async def _ingest_once(self) -> None:
        try:
            await self._run_connection()
        except CursorLostError as error:
            await self._handle_lost_cursor(error)

    async def _handle_lost_cursor(self, error: CursorLostError) -> None:
        """Go on elsewhere, or HaltError, as a person has chosen."""
        again = self._reset_at is not None and time.monotonic() - self._reset_at < RESET_SECONDS
        if self._cursor_tracker.on_lost not in {OnCursorLost.OLDEST, OnCursorLost.LIVE} or again:
            raise HaltError(error.gap.reason, f"{error}; {self._cursor_tracker.remedy()}") from None
        target = CURSOR_OLDEST if self._cursor_tracker.on_lost is OnCursorLost.OLDEST else CURSOR_LIVE
        await self._unless_stopped(self._writer.reset_cursor(target, error.gap.opening_fields(now=timestamp())))
        self._reset_at = time.monotonic()
        self._source_backoff.reset()
        self.report.error(
            error.gap.reason, f"{error}: going on with its {self._cursor_tracker.on_lost} events, as chosen"
        )

    async def _run_connection(self) -> None:
        stored = await self._unless_stopped(self._writer.resume())
        if self._stopping.is_set():
            return
        await self._unless_stopped(self._writer.report_if_full())
        connect_with = self._cursor_tracker.start_connection(stored)
        intake = self._batcher = self._new_batcher()
        before = self._writer.progress
        reading = asyncio.create_task(self._unless_stopped(self._reader.read(connect_with, intake)))
        settling = asyncio.create_task(self._watch_for_silence(intake))
        keeping = asyncio.create_task(self._watch_cursor())
        writing = asyncio.create_task(self._write_batches(intake))
        try:
            await asyncio.wait({reading, settling, keeping, writing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() or settling.done():
                await cancel_and_wait(*(task for task in (reading, settling) if not task.done()))
                intake.close()
                await asyncio.wait({keeping, writing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (writing, keeping, settling, reading):
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            await cancel_and_wait(reading, settling, keeping, writing)
            self._had_progress = self._writer.progress > before
            self._batcher = self._new_batcher()

    async def _watch_for_silence(self, batcher: Batcher) -> None:
        """Once the source has fallen silent, let its last frames count. CursorLostError."""
        taken = self._cursor_tracker.frames_received
        while True:
            await asyncio.sleep(SILENCE_SECONDS)
            if self.report.connected and batcher.has_room and self._cursor_tracker.frames_received == taken:
                self._cursor_tracker.handle_silence(batcher)
            taken = self._cursor_tracker.frames_received

    async def _write_batches(self, batcher: Batcher) -> None:
        while (batch := await batcher.take()) is not None:
            await self._writer.write(batch)
            del batch  # or it would stay until the next one comes
            batcher.written()

    async def _watch_cursor(self) -> None:
        for number in count(1):
            await asyncio.sleep(CHECK_SECONDS)
            await self._writer.check_cursor()
            if number % _CHECKS_PER_EVICTION_CHECK == 0 and await self._writer.evicts_keys():
                raise SinkBlockedError

    async def _wait_for_cursor_change(self) -> None:
        while not self._stopping.is_set():
            await self._pause(CHECK_SECONDS)
            try:
                await self._writer.check_cursor()
            except FencedError as error:
                self.report.warn(f"{self.report.source}: {error}: going on")
                return

    async def _retry_later(self, kind: str, message: str, *, at_least: float = 0.0) -> None:
        seconds = self._source_backoff.next_delay(
            healthy_seconds=self.report.connected_for, progress=self._had_progress, minimum=at_least
        )
        self._had_progress = False
        self.report.waiting(kind, message, seconds=seconds)
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do `work`, or break it off when the process stops."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            await cancel_and_wait(working, stopping)
