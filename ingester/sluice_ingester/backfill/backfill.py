"""The backfill of one host: it fetches the listing of repositories page by page, and stores each page.

A page and its cursor are stored in one atomic step. So the listing continues where it was, however the process ended. A
page that fails is requested until it succeeds. No page is skipped.
"""

import asyncio
import logging
import math
from datetime import datetime
from http import HTTPStatus
from typing import Final

from sluice_common.backoff import Backoff
from sluice_common.clock import SYSTEM_CLOCK, Clock, wait_until_set
from sluice_common.tasks import run_until_set
from sluice_ingester.backfill.listing_state import ListingState
from sluice_ingester.backfill.page_reader import PageReader, PageSource, failing_did
from sluice_ingester.batches.batch import Batch
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.list_repos import PageError
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.writer.batch_writer import BatchWriter, FencedError
from sluice_ingester.writer.cursor_watch import CursorWatch
from sluice_redis.contract import BACKFILL_DONE, HealthField, SourceState
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.protocol import Sink

_RETRY_SECONDS: Final = 3.0
STUCK_SECONDS: Final = 180.0
_SMALLER_PAGE_SECONDS: Final = 0.3
_EMPTY_PAGES_WITHOUT_DELAY: Final = 10
"""How many pages in a row without a repository are fetched at full speed. A host may leave out ranges of accounts."""
_EMPTY_PAGES_PER_LOG_LINE: Final = 100
_EMPTY_PAGE_DELAY_SECONDS: Final = 1.0
_log = logging.getLogger("sluice_ingester.backfill.backfill")


class Backfill:
    """The listing of one source. It is a SourceTask."""

    def __init__(
        self,
        *,
        source: PageSource,
        origin: str,
        sink: Sink,
        writer: BatchWriter,
        report: HealthReport,
        skip_repos: bool,
        rescan_seconds: float,
        cursor_watch: CursorWatch,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.report = report
        self._clock = clock
        self._source = source
        self._reader = PageReader(source, origin=origin, report=report, skip_repos=skip_repos)
        self._sink = sink
        self._writer = writer
        self._rescan_seconds = rescan_seconds
        self._cursor_watch = cursor_watch
        self._stopping = asyncio.Event()
        self._backoff = Backoff(base=1.0, cap=60.0)
        self._fence_backoff = Backoff(base=0.2, cap=10.0, reset_after=30.0)
        self._progress_at = self._clock.monotonic()
        self._empty_pages = 0

    @property
    def buffered(self) -> tuple[int, int]:
        """Number and bytes of the repositories that are fetched and not yet stored."""
        pending = self._writer.pending
        return (len(pending.events), pending.size) if pending else (0, 0)

    @property
    def is_stuck(self) -> bool:
        """Whether it is stuck: there is no progress for too long, and the reason is unknown."""
        streaming = self.report.condition.state is SourceState.STREAMING
        return streaming and self._clock.monotonic() - self._progress_at > STUCK_SECONDS

    def stop(self) -> None:
        """Fetch nothing more. `run` returns when everything that was fetched is stored."""
        self._stopping.set()

    async def run(self) -> None:
        """List until `stop`."""
        try:
            while not self._stopping.is_set():
                began = self._clock.monotonic()
                try:
                    await self._run_listing()
                except FencedError as error:
                    self.report.fenced(f"{self.report.source}: {error}: continuing from there")
                    await self._sleep(self._fence_backoff.next_delay(healthy_seconds=self._clock.monotonic() - began))
                except Exception as error:  # noqa: BLE001 - one source must not affect the others
                    _log.exception("internal error of Sluice: please report it", extra={"source": self.report.source})
                    delay = self._backoff.next_delay()
                    self.report.waiting("InternalError", f"{type(error).__name__}: {error}", seconds=delay)
                    await self._sleep(delay)
        finally:
            await self._source.close()
        self.report.stopped()

    async def _run_listing(self) -> None:
        """List from the stored cursor to the end. If the listing has ended, wait until the next one is due."""
        await run_until_set(self._stopping, self._writer.resume())
        if self._stopping.is_set():
            return
        stored = self._writer.expected_cursor
        if stored == BACKFILL_DONE.encode():
            await self._wait_for_rescan()
            await self._list_pages(ListingState(None))
            return
        try:
            cursor = (stored or b"").decode() or None
        except UnicodeDecodeError:
            where = f"{self._sink.keys.cursor} is not usable: {stored!r:.100} is not text"
            self.report.halted("CursorUnreadable", f"the cursor at {where}; SET it, or DEL it to list all repositories")
            await self._pause(math.inf)
            return
        self.report.connecting()
        await self._list_pages(ListingState(cursor))

    async def _list_pages(self, listing: ListingState) -> None:
        self._progress_at = self._clock.monotonic()
        while not self._stopping.is_set():
            try:
                batch = await run_until_set(self._stopping, self._reader.next_batch(listing))
            except SourceError as error:
                await self._back_off(error, listing)
                continue
            if batch is None:
                return
            self._backoff.reset()
            self.report.listing()
            await self._writer.write(batch)
            self._progress_at = self._clock.monotonic()
            if batch.cursor == BACKFILL_DONE:
                return
            await self._pace_empty_pages(batch)

    async def _pace_empty_pages(self, batch: Batch) -> None:
        """Slow down if many pages in a row have no repository."""
        self._empty_pages = 0 if batch.events else self._empty_pages + 1
        if self._empty_pages % _EMPTY_PAGES_PER_LOG_LINE == _EMPTY_PAGES_WITHOUT_DELAY:
            message = f"{self.report.source} has sent {self._empty_pages} pages in a row without a new repository"
            self.report.error("PagesEmpty", f"{message}, each with a cursor: continuing with one page a second")
        if self._empty_pages >= _EMPTY_PAGES_WITHOUT_DELAY:
            await self._pause(_EMPTY_PAGE_DELAY_SECONDS)

    async def _back_off(self, error: SourceError, listing: ListingState) -> None:
        """Wait before the next attempt. Request a smaller page if that may help."""
        self.report.metrics.increment("backfill_fetch_errors")
        failure = error.failure
        delay = self._backoff.next_delay(minimum=failure.min_delay)
        if isinstance(error, PageError) and _depends_on_page(error):
            if listing.limit > 1 and failing_did(error) is not None:
                # The host works except for this repository: the others need not wait.
                self._backoff.reset()
                delay = _SMALLER_PAGE_SECONDS
            listing.shrink_limit()
        self.report.waiting(failure.kind, f"{failure.message}{self._position_text(listing)}", seconds=delay)
        await self._pause(delay)

    def _position_text(self, listing: ListingState) -> str:
        position = "at the beginning" if listing.cursor is None else f"behind cursor {listing.cursor[:100]}"
        return f" ({position}, limit now {listing.limit})"

    async def _wait_for_rescan(self) -> None:
        """Wait until the next listing is due. FencedError if the cursor is changed before."""
        self.report.done()
        await self._pause(await self._seconds_until_rescan() if self._rescan_seconds else math.inf)

    async def _seconds_until_rescan(self) -> float:
        """The seconds until the next listing, counted from the last page, which is the newest batch."""
        while not self._stopping.is_set():
            try:
                [ended] = await self._sink.read_health(HealthField.STORED)
            except SinkError:
                await self._pause(_RETRY_SECONDS)
            else:
                return self._rescan_seconds - self._seconds_since(ended)
        return 0.0

    def _seconds_since(self, moment: str) -> float:
        """The age of a time in the health hash. 0 if it is missing."""
        try:
            return (self._clock.now() - datetime.fromisoformat(moment)).total_seconds()
        except (ValueError, TypeError):  # TypeError: it has no time zone
            return 0.0

    async def _pause(self, seconds: float) -> None:
        """Wait. FencedError if somebody else sets the cursor meanwhile."""
        await self._cursor_watch.wait(self._writer, self._stopping, seconds=seconds)

    async def _sleep(self, seconds: float) -> None:
        await wait_until_set(self._stopping, seconds=seconds, clock=self._clock)


def _depends_on_page(error: PageError) -> bool:
    """Whether a smaller page may succeed where this one fails."""
    if error.status is None:
        return error.failure.kind in {"PageTimeout", "PageTooLarge", "PageInvalid"}
    return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.status != HTTPStatus.SERVICE_UNAVAILABLE
