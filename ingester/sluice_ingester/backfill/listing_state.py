"""The position of a listing: which page to request next, and whether a response is accepted. Pure.

A listing ends with a page without a cursor. An empty page with a cursor is not the end. Cursors are opaque: a relay
uses a number, a PDS a time and a DID, and others may use any text. So progress is determined by comparison with earlier
pages, never by the form of a cursor:

- A page leads back if its cursor is that of the request, or one of the recent cursors. It is the end if it has no new
  repository, is shorter than requested, and is the tail of the previous page. Hosts with inclusive cursors, which are
  never absent, end their listings like this.
- A page is repeated if all its repositories are on recent pages.

Such a response is usually a temporary error. So the page is requested again, after a pause. When the host has sent the
same response CONFIRMING_ANSWERS times in a row, it is accepted:

- New repositories on a page that leads back are stored, and the same cursor is requested again.
- A page that leads back to the cursor of the request, without a new repository, is the end in two cases. It has few
  repositories compared with the request, or it is a part of the previous page.
- A repeated page with a new cursor is followed to that cursor.
- Any other page that leads back remains an error, because what is behind it cannot be requested.

If a page repeats only some repositories, the others are stored. Some hosts begin with the cursor's own repository.
"""

from collections import deque
from dataclasses import replace
from typing import Final

from sluice_ingester.sources.failure import SourceError, SourceFailure
from sluice_wire.repo_page import MAX_LIMIT, Repo, RepoPage

PAGES_REMEMBERED: Final = 4
CURSORS_REMEMBERED: Final = 1000
CONFIRMING_ANSWERS: Final = 3
_SMALL_PAGE_FRACTION: Final = 10
"""A page with less than this fraction of the requested repositories is a small one. No host has such a low limit."""


class ListingState:
    """The position in one listing that begins at `cursor` (None: at the beginning)."""

    def __init__(self, cursor: str | None) -> None:
        self.cursor = cursor
        self.limit = MAX_LIMIT
        self._recent_cursors: deque[str] = deque([] if cursor is None else [cursor], maxlen=CURSORS_REMEMBERED)
        self._recent_dids: deque[frozenset[str]] = deque(maxlen=PAGES_REMEMBERED)
        self._last_page_dids: tuple[str, ...] = ()
        self._unconfirmed_answer: tuple[str | None, tuple[str, ...]] | None = None
        self._answer_count = 0

    def accept(self, page: RepoPage) -> RepoPage:
        """The part of `page` to store: its new repositories, and the cursor to store with them.

        The next page is requested behind that cursor. None is the end. SourceError if nothing must be stored, and the
        page must be requested again.
        """
        fresh = tuple(repo for repo in page.repos if not any(repo.did in dids for dids in self._recent_dids))
        if page.cursor is None:
            return self._advance(page, fresh, cursor=None)
        if page.cursor in self._recent_cursors:
            return self._handle_loop(page, fresh)
        if page.repos and not fresh:
            self._require_confirmation(
                page, SourceFailure("PageRepeated", f"the page behind cursor {self.cursor!r:.100} came before")
            )
        return self._advance(page, fresh, cursor=page.cursor)

    def move_to(self, cursor: str | None) -> None:
        """Request the next page behind `cursor`."""
        self.cursor = cursor
        if cursor is not None and cursor not in self._recent_cursors:
            self._recent_cursors.append(cursor)

    def shrink_limit(self) -> None:
        """Halve the number of repositories to request, after a page that failed."""
        self.limit = max(1, self.limit // 2)

    def _handle_loop(self, page: RepoPage, fresh: tuple[Repo, ...]) -> RepoPage:
        entries, dids = len(page.repos) + len(page.dead_letters), _dids(page)
        may_end = not fresh and page.cursor == self.cursor and entries < self.limit
        if may_end and 0 < len(dids) < len(self._last_page_dids) and self._last_page_dids[-len(dids) :] == dids:
            return self._advance(page, fresh, cursor=None)
        failure = SourceFailure(
            "CursorLoop",
            f"the listing came back to cursor {page.cursor!r:.100}; if it continues to, what is behind can't be "
            "requested: SET the cursor to another position of it, or to !ingester-done to accept this as the end",
        )
        self._require_confirmation(page, failure)
        if fresh:
            return self._advance(page, fresh, cursor=self.cursor)
        if may_end and (entries <= self.limit // _SMALL_PAGE_FRACTION or set(dids) < set(self._last_page_dids)):
            return self._advance(page, fresh, cursor=None)
        raise SourceError(failure)

    def _require_confirmation(self, page: RepoPage, failure: SourceFailure) -> None:
        """SourceError, unless the host has sent this response CONFIRMING_ANSWERS times in a row."""
        answer = (page.cursor, _dids(page))
        self._answer_count = self._answer_count + 1 if answer == self._unconfirmed_answer else 1
        self._unconfirmed_answer = answer
        if self._answer_count < CONFIRMING_ANSWERS:
            # With a limit of one, a host that begins with the cursor's own repository never makes progress.
            self._grow_limit()
            raise SourceError(failure)

    def _advance(self, page: RepoPage, fresh: tuple[Repo, ...], *, cursor: str | None) -> RepoPage:
        if page.repos:
            self._last_page_dids = _dids(page)
            self._recent_dids.append(frozenset(self._last_page_dids))
        self.move_to(cursor)
        self._grow_limit()
        return replace(page, repos=fresh, cursor=cursor)

    def _grow_limit(self) -> None:
        self.limit = min(MAX_LIMIT, 2 * self.limit)


def _dids(page: RepoPage) -> tuple[str, ...]:
    return tuple(repo.did for repo in page.repos)
