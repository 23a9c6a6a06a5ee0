"""The page reader: it fetches the next page of a listing, and skips a repository that its host can't list."""

from collections import Counter
from http import HTTPStatus
from typing import Final, Protocol

from sluice_ingester.backfill.listing_state import ListingState
from sluice_ingester.backfill.skip_search import find_cursor_after
from sluice_ingester.batches.batch import Batch
from sluice_ingester.sources.failure import SourceFailure
from sluice_ingester.sources.list_repos import PageError
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_redis.contract import BACKFILL_DONE
from sluice_wire import repo_page
from sluice_wire.deadletter import DeadLetter, DeadLetterReason, InputError

SKIP_AFTER_FAILURES: Final = 5
"""How often a repository must fail alone before it is skipped, if skipping is allowed."""
_KIND: Final = "repo"


class PageSource(Protocol):
    """The listing of one host. `RepoListing` is the real one."""

    async def fetch_page(self, *, cursor: str | None, limit: int) -> bytes:
        """The body of the page with at most `limit` repositories behind `cursor`. PageError if it cannot be fetched."""

    async def close(self) -> None:
        """Close the connections."""


class PageReader:
    """Reads the listing of one host."""

    def __init__(self, source: PageSource, *, origin: str, report: HealthReport, skip_repos: bool) -> None:
        """`origin` is the host as events name it. `skip_repos`: a repository that fails again and again is skipped."""
        self._source = source
        self._origin = origin
        self._report = report
        self._skip_repos = skip_repos
        self._failures_by_did: Counter[str] = Counter()

    async def next_batch(self, listing: ListingState) -> Batch:
        """The next batch: a page, or a repository that is skipped. Raises SourceError."""
        try:
            page = await self._fetch_page(cursor=listing.cursor, limit=listing.limit)
        except PageError as error:
            skipped = await self._skip_repo(error, listing)
            if skipped is None:
                raise
            return skipped
        accepted = listing.accept(page)
        self._failures_by_did.clear()
        self._report.metrics.increment("backfill_repos_fetched", len(page.repos))
        if accepted.cursor is None and page.cursor is not None:
            self._report.warn(f"{self._report.source}: the last page leads only to itself, so the listing ends")
        return _batch(
            cursor=accepted.cursor or BACKFILL_DONE,
            events=[repo.event(origin=self._origin) for repo in accepted.repos],
            dead=list(accepted.dead_letters),
        )

    async def _fetch_page(self, *, cursor: str | None, limit: int) -> repo_page.RepoPage:
        body = await self._source.fetch_page(cursor=cursor, limit=limit)
        try:
            return repo_page.parse_page(body, reserved_cursors={BACKFILL_DONE})
        except repo_page.PageInvalidError as error:
            raise PageError(
                SourceFailure("PageInvalid", f"{self._report.source} sent something that is not a page: {error}")
            ) from None

    async def _skip_repo(self, error: PageError, listing: ListingState) -> Batch | None:
        """The batch that skips the repository named by `error`. None if it must not be skipped. Raises SourceError."""
        did = failing_did(error)
        if did is None or listing.limit > 1 or not self._skip_repos:
            return None
        self._failures_by_did[did] += 1
        if (
            self._failures_by_did[did] < SKIP_AFTER_FAILURES
            or (search := find_cursor_after(listing.cursor, did)) is None
        ):
            return None
        cursor = next(search)
        try:
            while True:
                cursor = search.send(await self._host_fails_on(did, behind=cursor))
        except StopIteration as found:
            behind: str | None = found.value
        except PageError as refusal:
            if refusal.status == HTTPStatus.BAD_REQUEST:
                return None  # the host accepts only its own cursors
            raise
        if behind is None:
            return None
        listing.move_to(behind)
        self._report.metrics.increment("backfill_cursor_skips")
        error_to_keep = InputError(DeadLetterReason.REPO_SKIPPED, str(error))
        letter = DeadLetter.from_error(
            error_to_keep, payload=error.server_message.encode(errors="replace"), seq=None, detail=did
        )
        return _batch(cursor=behind, events=[], dead=[letter])

    async def _host_fails_on(self, did: str, *, behind: str) -> bool:
        """Whether the host, asked for one repository behind a cursor, fails and names `did`. Raises SourceError."""
        try:
            await self._fetch_page(cursor=behind, limit=1)
        except PageError as error:
            other = failing_did(error)
            if other is None:
                raise
            return other == did
        return False


def failing_did(error: PageError) -> str | None:
    """The one repository that the host says it cannot list."""
    is_server_error = error.status is not None and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return repo_page.did_in_message(error.server_message) if is_server_error else None


def _batch(*, cursor: str, events: list[bytes], dead: list[DeadLetter]) -> Batch:
    size = sum(map(len, events)) + sum(len(letter.payload) for letter in dead)
    kinds = Counter({_KIND: len(events)})
    return Batch(events=events, dead_letters=dead, cursor=cursor, frame_count=1, size=size, kinds=kinds)
