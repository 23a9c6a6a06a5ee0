"""The backfill of one host: page after page of its listing of repositories, until it has ended.

A page and the cursor behind it enter Redis in one step, so the listing goes on where it was after
whatever ends the process. A page that can't be had is asked for until it can; none is passed over.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import Counter
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from sluice_common.backoff import Backoff
from sluice_common.tasks import unless
from sluice_ingester.backfill.listing_state import Pages
from sluice_ingester.backfill.skip_search import search
from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.pipeline.batch_writer import FencedError, Writer
from sluice_ingester.sources.failure import Failure, SourceError
from sluice_ingester.sources.list_repos import Listing, PageError
from sluice_ingester.telemetry.health_report import Report
from sluice_redis.contract import BACKFILL_DONE, Health, State
from sluice_redis.sink.append import Sink
from sluice_redis.sink.errors import SinkError
from sluice_wire import repo_page
from sluice_wire.deadletter import DeadLetter, InputError, Reason

CHECK_SECONDS: Final = 3.0
"""How often a cursor is looked at that no append looks at: of a listing that rests or waits."""
SKIP_AFTER: Final = 5
"""So many times a repo must fail alone before it is passed over, if that is allowed at all."""
STUCK_SECONDS: Final = 180.0
_NARROWING_SECONDS: Final = 0.3
_EMPTY_AT_ONCE: Final = 10
"""So many pages without a repo may follow one another at full speed: a host may leave out whole ranges of accounts."""
_EMPTY_TOLD: Final = 100
_EMPTY_SECONDS: Final = 1.0
_KIND: Final = "repo"
_log = logging.getLogger("sluice_ingester.backfill.backfill")


class Backfill:
    """The listing of one source. `run` it until `stop`."""

    def __init__(
        self,
        *,
        source: Listing,
        origin: str,
        sink: Sink,
        writer: Writer,
        report: Report,
        skip_repos: bool,
        rescan_seconds: float,
    ) -> None:
        self.report = report
        self._source = source
        self._origin = origin
        self._sink = sink
        self._writer = writer
        self._skip_repos = skip_repos
        self._rescan_seconds = rescan_seconds
        self._stopping = asyncio.Event()
        self._backoff = Backoff(base=1.0, cap=60.0)
        self._fence_backoff = Backoff(base=0.2, cap=10.0, healthy=30.0)
        self._turned_at = time.monotonic()
        self._bad: Counter[str] = Counter()
        self._empty = 0

    @property
    def held(self) -> tuple[int, int]:
        """Repos, and bytes of them, that are fetched and not yet stored."""
        pending = self._writer.pending
        return (len(pending.events), pending.size) if pending else (0, 0)

    @property
    def is_stuck(self) -> bool:
        """Whether nothing happens for much too long though nothing stands in the way."""
        streaming = self.report.condition.state is State.STREAMING
        return streaming and time.monotonic() - self._turned_at > STUCK_SECONDS

    def stop(self) -> None:
        """Fetch nothing more; `run` returns when what was fetched is stored."""
        self._stopping.set()

    async def run(self) -> None:
        """List until `stop`."""
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                try:
                    await self._walk()
                except FencedError as error:
                    self.report.fence(f"{self.report.source}: {error}: following it")
                    await self._sleep(self._fence_backoff.failed(after=time.monotonic() - began))
                except Exception as error:  # noqa: BLE001 - one source's fault must not end the others
                    _log.exception("a fault of Sluice's own: please report it", extra={"source": self.report.source})
                    delay = self._backoff.failed()
                    self.report.waiting("InternalError", f"{type(error).__name__}: {error}", seconds=delay)
                    await self._sleep(delay)
        finally:
            await self._source.close()
        self.report.stopped()

    async def _walk(self) -> None:
        """From the stored cursor to the end of the listing; from there, when it is due, all anew."""
        await unless(self._stopping, self._writer.resume())
        if self._stopping.is_set():
            return
        stored = self._writer.expected
        if stored == BACKFILL_DONE.encode():
            await self._rest()
            await self._list(Pages(None))
            return
        try:
            cursor = (stored or b"").decode() or None
        except UnicodeDecodeError:
            where = f"{self._sink.keys.cursor} is not usable: {stored!r:.100} is no text"
            self.report.halted("CursorUnreadable", f"the cursor at {where}; SET it, or DEL it to list all repos")
            await self._pause(math.inf)
            return
        self.report.connecting()
        await self._list(Pages(cursor))

    async def _list(self, pages: Pages) -> None:
        self._turned_at = time.monotonic()
        while not self._stopping.is_set():
            try:
                batch = await unless(self._stopping, self._next(pages))
            except SourceError as error:
                await self._bear(error, pages)
                continue
            if batch is None:
                return
            self._backoff.reset()
            self.report.listing()
            await self._writer.write(batch)
            self._turned_at = time.monotonic()
            if batch.cursor == BACKFILL_DONE:
                return
            await self._pace(batch)

    async def _pace(self, batch: Batch) -> None:
        """Follow a listing that gives nothing, page after page, without haste."""
        self._empty = 0 if batch.events else self._empty + 1
        if self._empty % _EMPTY_TOLD == _EMPTY_AT_ONCE:
            message = f"{self.report.source} has sent {self._empty} pages in a row without a new repo"
            self.report.error("PagesEmpty", f"{message}, each with a cursor: going on, one page a second")
        if self._empty >= _EMPTY_AT_ONCE:
            await self._pause(_EMPTY_SECONDS)

    async def _next(self, pages: Pages) -> Batch:
        """What is to be stored next: a page, or in its stead a repo that is passed over. SourceError."""
        try:
            page = await self._page(cursor=pages.cursor, limit=pages.limit)
        except PageError as error:
            behind = await self._skipped(error, pages)
            if behind is None:
                raise
            return behind
        taken = pages.accept(page)
        self._bad.clear()
        self.report.metrics.count("backfill_repos_fetched", len(page.repos))
        if taken.cursor is None and page.cursor is not None:
            self.report.note(f"{self.report.source}: its last page leads only to itself: this is the listing's end")
        return _batch(
            cursor=taken.cursor or BACKFILL_DONE,
            events=[repo.event(origin=self._origin) for repo in taken.repos],
            dead=list(taken.dead),
        )

    async def _page(self, *, cursor: str | None, limit: int) -> repo_page.Page:
        body = await self._source.page(cursor=cursor, limit=limit)
        try:
            return repo_page.parse(body)
        except repo_page.PageInvalidError as error:
            raise PageError(Failure("PageInvalid", f"{self.report.source} sent what is no page: {error}")) from None

    async def _skipped(self, error: PageError, pages: Pages) -> Batch | None:
        """What passes over the repo that `error` names, if it may be passed over by now. SourceError."""
        did = _named(error)
        if did is None or pages.limit > 1 or not self._skip_repos:
            return None
        self._bad[did] += 1
        if self._bad[did] < SKIP_AFTER or (looking := search(pages.cursor, did)) is None:
            return None
        cursor = next(looking)
        try:
            while True:
                cursor = looking.send(await self._fails(did, behind=cursor))
        except StopIteration as found:
            behind: str | None = found.value
        except PageError as refusal:
            if refusal.status == HTTPStatus.BAD_REQUEST:
                return None  # it takes no cursor but its own
            raise
        if behind is None:
            return None
        pages.go_to(behind)
        self.report.metrics.count("backfill_cursor_skips")
        fault = InputError(Reason.REPO_SKIPPED, str(error))
        letter = DeadLetter.of(fault, payload=error.said.encode(errors="replace"), seq=None, detail=did)
        return _batch(cursor=behind, events=[], dead=[letter])

    async def _fails(self, did: str, *, behind: str) -> bool:
        """Whether the host, asked for the one repo behind a cursor, fails naming `did`. SourceError."""
        try:
            await self._page(cursor=behind, limit=1)
        except PageError as error:
            other = _named(error)
            if other is None:
                raise
            return other == did
        return False

    async def _bear(self, error: SourceError, pages: Pages) -> None:
        """Wait before the next try, for less of a page if that may help."""
        self.report.metrics.count("backfill_fetch_errors")
        failure = error.failure
        delay = self._backoff.failed(at_least=failure.wait)
        if isinstance(error, PageError) and _is_of_the_page(error):
            if pages.limit > 1 and _named(error) is not None:
                # The host is well but for this repo: no reason to come to the others late.
                self._backoff.reset()
                delay = _NARROWING_SECONDS
            pages.narrow()
        self.report.waiting(failure.kind, f"{failure.message}{self._asked(pages)}", seconds=delay)
        await self._pause(delay)

    def _asked(self, pages: Pages) -> str:
        place = "at the beginning" if pages.cursor is None else f"behind cursor {pages.cursor[:100]}"
        return f" ({place}, limit now {pages.limit})"

    async def _rest(self) -> None:
        """Nothing to do until it is time to list anew, or the cursor moves (FencedError)."""
        self.report.done()
        await self._pause(await self._until_rescan() if self._rescan_seconds else math.inf)

    async def _until_rescan(self) -> float:
        """Seconds; counted from the last page, which is the newest batch."""
        while not self._stopping.is_set():
            try:
                [ended] = await self._sink.health(Health.STORED)
            except SinkError:
                await self._pause(CHECK_SECONDS)
            else:
                return self._rescan_seconds - _seconds_since(ended)
        return 0.0

    async def _pause(self, seconds: float) -> None:
        """Wait, and look at the cursor meanwhile. FencedError if another hand has set it."""
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            await self._sleep(min(left, CHECK_SECONDS))
            if left >= CHECK_SECONDS:
                await self._writer.check()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _batch(*, cursor: str, events: list[bytes], dead: list[DeadLetter]) -> Batch:
    size = sum(map(len, events)) + sum(len(letter.payload) for letter in dead)
    kinds = Counter({_KIND: len(events)})
    return Batch(events=events, dead=dead, cursor=cursor, frames=1, size=size, kinds=kinds)


def _named(error: PageError) -> str | None:
    """The one repo that the host says it can't list."""
    is_servers = error.status is not None and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return repo_page.named(error.said) if is_servers else None


def _is_of_the_page(error: PageError) -> bool:
    """Whether a smaller page may come where this one doesn't."""
    if error.status is None:
        return error.failure.kind in {"PageTimeout", "PageTooLarge", "PageInvalid"}
    return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.status != HTTPStatus.SERVICE_UNAVAILABLE


def _seconds_since(moment: str) -> float:
    """0 if the hash told no time: somebody has removed it, and now is as good as any."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    except ValueError:
        return 0.0
