"""The writer: offers a batch to Redis until it is taken, and tells what stands in the way.

Backpressure has no end of its own: however long Redis is full, gone or read-only, the same batch
is offered again, under the same name, so that nothing is lost and nothing stands there twice.
"""

import asyncio
import time

from sluice_ingester.batch import Batch
from sluice_ingester.report import Report
from sluice_ingester.sink.append import Fenced, Full, Sink, Stored
from sluice_ingester.sink.errors import SinkError
from sluice_ingester.sources.backoff import Backoff


class FencedError(Exception):
    """Another hand has set the cursor; what we hold does not follow it."""

    def __init__(self, *, expected: bytes | None, stored: bytes | None) -> None:
        super().__init__(f"the cursor was {_shown(expected)} and is now {_shown(stored)}")


class Writer:
    """Writes the batches of one source, one after the other.

    `expected` is the cursor that should be stored now, `pending` the batch that is being written,
    `newest` the newest time of all frames that were.
    """

    def __init__(self, sink: Sink, report: Report, *, high_water_mark: int) -> None:
        self._sink = sink
        self._report = report
        self._mark = high_water_mark
        self._backoff = Backoff(base=0.1, cap=3.0)
        self.expected: bytes | None = None
        self.pending: Batch | None = None
        self.newest: str | None = None

    async def resume(self) -> bytes | None:
        """Read the cursor, for as long as it takes, and expect it from now on."""
        while True:
            try:
                self.expected = await self._sink.cursor()
            except SinkError as error:
                await self._bear(error)
            else:
                self._well()
                return self.expected

    async def write(self, batch: Batch) -> None:
        """Store `batch`, for as long as it takes; FencedError if the cursor is no longer ours."""
        append = batch.append(expected=self.expected)
        self.pending = batch
        try:
            while True:
                began = time.monotonic()
                try:
                    answer = await self._sink.append(append)
                except SinkError as error:
                    await self._bear(error)
                    continue
                match answer:
                    case Full():
                        await self._wait_for_room()
                    case Fenced(stored):
                        self._well()
                        raise FencedError(expected=self.expected, stored=stored)
                    case Stored():
                        break
        finally:
            self.pending = None
        if batch.cursor is not None:
            self.expected = str(batch.cursor).encode()
        if batch.time is not None:
            self.newest = max(self.newest or "", batch.time)
        self._well()
        self._report.stored(batch, seconds=time.monotonic() - began)

    async def check(self) -> None:
        """FencedError if the cursor is no longer ours: a quiet source would never notice it.

        Says nothing while a batch is being written, or if Redis does not answer.
        """
        expected = self.expected
        if self.pending is not None:
            return
        try:
            stored = await self._sink.cursor()
        except SinkError:
            return
        if self.pending is None and expected == self.expected != stored:
            raise FencedError(expected=expected, stored=stored)

    async def _wait_for_room(self) -> None:
        self._report.full(f"{self._sink.keys.entries} is at its high-water mark of {self._mark} entries")
        while True:
            await asyncio.sleep(self._backoff.failed(at_least=0.05))
            try:
                if await self._sink.length() < self._mark:
                    return
            except SinkError as error:
                await self._bear(error)

    async def _bear(self, error: SinkError) -> None:
        self._report.trouble(error.trouble)
        await asyncio.sleep(self._backoff.failed())

    def _well(self) -> None:
        self._backoff.reset()
        self._report.taken()


def _shown(cursor: bytes | None) -> str:
    return "missing" if cursor is None else repr(cursor.decode(errors="replace")[:64])
