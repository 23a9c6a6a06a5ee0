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
from sluice_common.tasks import end
from sluice_ingester.cursor.gap import OnLost
from sluice_ingester.cursor.tracker import Course, CursorLostError, HaltError
from sluice_ingester.pipeline.batch_writer import FencedError, Writer
from sluice_ingester.pipeline.batcher import Intake
from sluice_ingester.pipeline.frame_reader import Decoder, PatienceError, Reader
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.telemetry.health_report import Report
from sluice_redis.contract import CURSOR_LIVE, CURSOR_OLDEST, State
from sluice_redis.sink.append import timestamp

CHECK_SECONDS: Final = 3.0
"""How often a cursor is looked at that no append looks at: of a quiet or a halted source."""
RESET_SECONDS: Final = 600.0
"""A cursor is reset no more often than this; a source that needs it more often halts."""
_CHECKS_OF_EVICTION: Final = 5
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
        writer: Writer,
        report: Report,
        course: Course,
        new_intake: Callable[[], Intake],
    ) -> None:
        self.report = report
        self._writer = writer
        self._course = course
        self._new_intake = new_intake
        self._intake = new_intake()
        self._reader = Reader(subscription=subscription, decoder=decoder, report=report, course=course)
        self._stopping = asyncio.Event()
        self._reset_at: float | None = None
        self._source_backoff = Backoff(base=1.0, cap=60.0, healthy=30.0)
        self._had_progress = False
        self._fence_backoff = Backoff(base=0.2, cap=10.0, healthy=30.0)

    @property
    def held(self) -> tuple[int, int]:
        """Events, and bytes of them, that are read and not yet stored."""
        batches = [batch for batch in (self._intake.forming, self._writer.pending) if batch is not None]
        return sum(len(batch.events) for batch in batches), sum(batch.size for batch in batches)

    @property
    def is_stuck(self) -> bool:
        """Whether frames wait for much too long though nothing stands in their way."""
        return self.report.condition.state is State.STREAMING and self._intake.age > STUCK_SECONDS

    def stop(self) -> None:
        """Read nothing more; `run` returns when what was read is stored."""
        self._stopping.set()

    async def run(self) -> None:
        """Ingest until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._ingest()
            except SourceError as error:
                failure = error.failure
                await self._retry_later(failure.kind, failure.message, at_least=failure.wait)
            except FencedError as error:
                self.report.fence(f"{self.report.source}: {error}: following it")
                await self._pause(self._fence_backoff.failed(after=self.report.connected_for))
            except HaltError as error:
                self.report.halted(error.reason, str(error))
                await self._until_cursor_moves()
            except PatienceError:
                continue
            except Exception as error:  # noqa: BLE001 - one source's fault must not end the others
                _log.exception("a fault of Sluice's own: please report it", extra={"source": self.report.source})
                await self._retry_later("InternalError", f"{type(error).__name__}: {error}")
        self.report.stopped()

    async def _ingest(self) -> None:
        try:
            await self._session()
        except CursorLostError as error:
            await self._settle(error)

    async def _settle(self, error: CursorLostError) -> None:
        """Go on elsewhere, or HaltError, as a person has chosen."""
        again = self._reset_at is not None and time.monotonic() - self._reset_at < RESET_SECONDS
        if self._course.on_lost not in {OnLost.OLDEST, OnLost.LIVE} or again:
            raise HaltError(error.loss.reason, f"{error}; {self._course.remedy()}") from None
        target = CURSOR_OLDEST if self._course.on_lost is OnLost.OLDEST else CURSOR_LIVE
        await self._unless_stopped(self._writer.reset(target, error.loss.opened(now=timestamp())))
        self._reset_at = time.monotonic()
        self._source_backoff.reset()
        self.report.error(error.loss.reason, f"{error}: going on with its {self._course.on_lost} events, as chosen")

    async def _session(self) -> None:
        stored = await self._unless_stopped(self._writer.resume())
        if self._stopping.is_set():
            return
        await self._unless_stopped(self._writer.look_for_room())
        connect_with = self._course.begin(stored)
        intake = self._intake = self._new_intake()
        before = self._writer.progress
        reading = asyncio.create_task(self._unless_stopped(self._reader.read(connect_with, intake)))
        settling = asyncio.create_task(self._settle_in_silence(intake))
        keeping = asyncio.create_task(self._keep())
        writing = asyncio.create_task(self._write(intake))
        try:
            await asyncio.wait({reading, settling, keeping, writing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() or settling.done():
                await end(*(task for task in (reading, settling) if not task.done()))
                intake.close()
                await asyncio.wait({keeping, writing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (writing, keeping, settling, reading):
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            await end(reading, settling, keeping, writing)
            self._had_progress = self._writer.progress > before
            self._intake = self._new_intake()

    async def _settle_in_silence(self, intake: Intake) -> None:
        """Once the source has fallen silent, let its last frames count. CursorLostError."""
        taken = self._course.taken
        while True:
            await asyncio.sleep(SILENCE_SECONDS)
            if self.report.connected and intake.has_room and self._course.taken == taken:
                self._course.settle(intake)
            taken = self._course.taken

    async def _write(self, intake: Intake) -> None:
        while (batch := await intake.take()) is not None:
            await self._writer.write(batch)
            del batch  # or it would stay until the next one comes
            intake.done()

    async def _keep(self) -> None:
        for number in count(1):
            await asyncio.sleep(CHECK_SECONDS)
            await self._writer.check()
            if number % _CHECKS_OF_EVICTION == 0 and await self._writer.may_lose():
                raise PatienceError

    async def _until_cursor_moves(self) -> None:
        while not self._stopping.is_set():
            await self._pause(CHECK_SECONDS)
            try:
                await self._writer.check()
            except FencedError as error:
                self.report.note(f"{self.report.source}: {error}: going on")
                return

    async def _retry_later(self, kind: str, message: str, *, at_least: float = 0.0) -> None:
        seconds = self._source_backoff.failed(
            after=self.report.connected_for, progress=self._had_progress, at_least=at_least
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
            await end(working, stopping)
