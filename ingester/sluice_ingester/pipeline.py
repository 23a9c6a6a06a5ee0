"""One source from its socket to its stream: connect, read, decode, batch, write; and all over again.

A session is one connection. It begins with the stored cursor and ends when the source fails, the
cursor is set by another hand, Redis takes nothing for long, or the process stops. What was read
whole by then is written before the next one begins, unless the cursor has moved.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from sluice_ingester import cursor
from sluice_ingester.contract import State
from sluice_ingester.intake import Intake
from sluice_ingester.report import Report
from sluice_ingester.sources.backoff import Backoff
from sluice_ingester.sources.failure import Failure, SourceError
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.tasks import end
from sluice_ingester.wire.events import Decoded, ErrorFrame, Info
from sluice_ingester.writer import FencedError, Writer

PATIENCE_SECONDS: Final = 10.0
"""A connection that is not read for so long is closed, before the other side does it."""
CHECK_SECONDS: Final = 3.0
"""How often a cursor is looked at that no append looks at: of a quiet or a halted source."""
CONFIRMATIONS: Final = 4
"""So many connections in a row must move back before it is believed without proof: see `cursor`."""
STUCK_SECONDS: Final = 120.0

_OTHER_SEQUENCE: Final = "its sequence began anew, or the cursor belongs to another one"
T = TypeVar("T")

_log = logging.getLogger("sluice_ingester.pipeline")


class Decoder(Protocol):
    """Bytes of a frame to what they say; never raises."""

    def decode(self, data: bytes, *, received: datetime) -> Decoded | Info | ErrorFrame: ...  # noqa: D102


class HaltError(Exception):
    """It can't go on until a person acts: `reason` is CamelCase, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PatienceError(Exception):
    """Redis took nothing for so long that the connection is given up until it does."""


class Pipeline:
    """The ingestion of one source. `run` it until `stop`."""

    def __init__(
        self,
        *,
        subscription: Subscription,
        decoder: Decoder,
        writer: Writer,
        report: Report,
        cursor_key: str,
        start_from: cursor.StartFrom,
        batch_events: int,
        batch_seconds: float,
    ) -> None:
        self.report = report
        self._subscription = subscription
        self._decoder = decoder
        self._writer = writer
        self._cursor_key = cursor_key
        self._start_from = start_from
        self._batch_events = batch_events
        self._batch_seconds = batch_seconds
        self._intake = self._new_intake()
        self._stopping = asyncio.Event()
        self._connected_at: float | None = None
        self._moved_back = 0
        self._source_backoff = Backoff(base=1.0, cap=60.0, healthy=30.0)
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
                await self._session()
            except SourceError as error:
                delay = self._source_backoff.failed(after=self._connected_for(), at_least=error.failure.wait)
                self.report.waiting(error.failure.kind, error.failure.message, seconds=delay)
                await self._pause(delay)
            except FencedError as error:
                self.report.fence(f"{self.report.source}: {error}: following it")
                await self._pause(self._fence_backoff.failed(after=self._connected_for()))
            except HaltError as error:
                self.report.halted(error.reason, str(error))
                await self._until_cursor_moves()
            except PatienceError:
                pass
            except Exception as error:  # noqa: BLE001 - one source's fault must not end the others
                _log.exception("a fault of Sluice's own: please report it", extra={"source": self.report.source})
                delay = self._source_backoff.failed(after=self._connected_for())
                self.report.waiting("InternalError", f"{type(error).__name__}: {error}", seconds=delay)
                await self._pause(delay)
        self.report.stopped()

    async def _session(self) -> None:
        self._connected_at = None
        stored = await self._unless_stopped(self._writer.resume())
        if self._stopping.is_set():
            return
        begin = self._begin(stored)
        self._intake = self._new_intake()
        reading = asyncio.create_task(self._unless_stopped(self._read(begin)))
        keeping = asyncio.create_task(self._keep())
        writing = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reading, keeping, writing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                self._intake.close()
                await asyncio.wait({keeping, writing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (writing, keeping, reading):
                if task.done():
                    task.result()
        finally:
            await end(reading, keeping, writing)
            self._intake = self._new_intake()

    def _begin(self, stored: bytes | None) -> cursor.Start:
        try:
            return cursor.start(cursor.read(stored), self._start_from)
        except cursor.CursorUnreadableError as error:
            raise HaltError(
                "CursorUnreadable",
                f"the cursor at {self._cursor_key} is not usable: {error}; {self._remedy()}",
            ) from None

    async def _read(self, begin: cursor.Start) -> None:
        self.report.connecting()
        position = cursor.Position(begin.position)
        async with self._subscription.open(cursor=begin.cursor) as frames:
            self._connected_at = time.monotonic()
            self.report.streaming(cursor=begin.cursor)
            try:
                while True:
                    await self._room()
                    # No name for the frame's bytes: they go when they are decoded.
                    message = self._decoder.decode(await anext(frames), received=datetime.now(UTC))
                    if isinstance(message, Decoded):
                        if self._is_new(message, position):
                            self._put(message)
                    elif isinstance(message, ErrorFrame):
                        raise self._refusal(message, begin)
                    else:
                        self._inform(message, begin)
            finally:
                self.report.disconnected()

    def _is_new(self, frame: Decoded, position: cursor.Position) -> bool:
        self.report.metrics.count("firehose_events")
        if frame.seq is None:
            return True
        match position.judge(frame.seq):
            case cursor.Verdict.NEW:
                self._moved_back = 0
                return True
            case cursor.Verdict.REPEAT:
                self.report.metrics.repeats.labels(self.report.source).inc()
                return False
            case cursor.Verdict.MOVED_BACK:
                raise self._moved_back_to(frame, position)

    def _moved_back_to(self, frame: Decoded, position: cursor.Position) -> Exception:
        self._moved_back += 1
        message = f"{self.report.source} sent seq {frame.seq} after {position.seq}: {_OTHER_SEQUENCE}"
        certain = cursor.is_later(frame.time, than=self._newest())
        if not certain and self._moved_back < CONFIRMATIONS:
            return SourceError(Failure("SequenceMovedBack", message))
        self._moved_back = 0
        return HaltError("SequenceMovedBack", f"{message}; {self._remedy()}")

    def _newest(self) -> str | None:
        """The newest time of all frames that were read."""
        batches = (self._writer.pending, self._intake.forming)
        times = (self._writer.newest, *(batch.time for batch in batches if batch is not None))
        return max((time for time in times if time is not None), default=None)

    async def _room(self) -> None:
        """Wait until there is room for a frame, before one is read."""
        if self._intake.has_room:
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._intake.room()
        except TimeoutError:
            raise PatienceError from None

    def _put(self, frame: Decoded) -> None:
        self._intake.add(frame)
        if frame.filtered:
            self.report.metrics.count("firehose_filtered_operations", frame.filtered)

    def _refusal(self, frame: ErrorFrame, begin: cursor.Start) -> Exception:
        text = f": {frame.message[:200]}" if frame.message else ""
        if frame.error == "FutureCursor":
            return HaltError(
                "FutureCursor",
                f"cursor {begin.cursor} is in the future of {self.report.source}: {_OTHER_SEQUENCE}; {self._remedy()}",
            )
        kind = frame.error if frame.error == "ConsumerTooSlow" else "ErrorFrame"
        return SourceError(Failure(kind, f"{self.report.source} ended the stream with {frame.error[:100]!r}{text}"))

    def _inform(self, info: Info, begin: cursor.Start) -> None:
        if info.name == "OutdatedCursor":
            self.report.error(
                "OutdatedCursor",
                f"{self.report.source} no longer has what came after cursor {begin.cursor}: "
                "going on from the oldest that it has",
            )
        else:
            self.report.note(f"{self.report.source} says {info.name[:100]!r}: {(info.message or '')[:200]}")

    def _remedy(self) -> str:
        where = self._start_from if isinstance(self._start_from, str) else f"seq {self._start_from}"
        return (
            f"SET {self._cursor_key} to a seq of this source, "
            f"or DEL it to begin at INGESTER_START_FROM ({where}): the ingester follows within seconds"
        )

    async def _write(self) -> None:
        while (batch := await self._intake.take()) is not None:
            await self._writer.write(batch)
            self._intake.done()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._writer.check()

    async def _until_cursor_moves(self) -> None:
        while not self._stopping.is_set():
            await self._pause(CHECK_SECONDS)
            try:
                await self._writer.check()
            except FencedError as error:
                self.report.note(f"{self.report.source}: {error}: going on")
                return

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

    def _connected_for(self) -> float:
        return 0.0 if self._connected_at is None else time.monotonic() - self._connected_at

    def _new_intake(self) -> Intake:
        return Intake(events=self._batch_events, seconds=self._batch_seconds)
