"""Where a listing stands: which page to ask for, and what an answer is worth. Pure.

A listing ends with a page without a cursor, and with nothing else: an empty page with a cursor has more
behind it. Cursors are opaque: a relay's is a number, a PDS's a time and a DID, and any other text may be
one. So whether a listing goes forward is told by what came before, never by what a cursor looks like:

- A page that gives the cursor that it was asked with, or one that was given of late, leads back. If it
  holds nothing new, is shorter than was asked for, and is the tail of the page before, it is the end all
  the same: hosts whose cursors are inclusive and never absent end so.
- A page of which every repo came of late is a repeated page.

Such an answer is mostly a fault that passes. So the same page is asked for again, after a pause, until
the host has given it BELIEVED times in a row. Then it is what the host has to say:

- what is new on a page that leads back is taken, and the same cursor is asked again;
- a page that leads back to the cursor it was asked with, with nothing new, is the end if it is small for
  what was asked, or a part of the page before;
- a repeated page with a new cursor is followed to that cursor;
- any other page that leads back stays a fault: what stands behind it can't be asked for.

Where a page repeats only some repos (a host that begins with the cursor's own repo), the others are taken.
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
"""A page with less than this part of what was asked for had nothing more to give: no host's own limit is so low."""


class ListingState:
    """One walk through a listing, from `cursor` (None: the beginning) on."""

    def __init__(self, cursor: str | None) -> None:
        self.cursor = cursor
        self.limit = MAX_LIMIT
        self._recent_cursors: deque[str] = deque([] if cursor is None else [cursor], maxlen=CURSORS_REMEMBERED)
        self._recent_dids: deque[frozenset[str]] = deque(maxlen=PAGES_REMEMBERED)
        self._last_page_dids: tuple[str, ...] = ()
        self._unconfirmed_answer: tuple[str | None, tuple[str, ...]] | None = None
        self._answer_count = 0

    def accept(self, page: RepoPage) -> RepoPage:
        """What is to be stored of the answer `page`: its new repos, with the cursor to store beside them.

        The next page is asked for behind that cursor; None is the end. SourceError if nothing is to be
        stored, and the page is to be asked for again.
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
        """The next page comes behind `cursor`."""
        self.cursor = cursor
        if cursor is not None and cursor not in self._recent_cursors:
            self._recent_cursors.append(cursor)

    def shrink_limit(self) -> None:
        """The page could not be listed: ask for half of it."""
        self.limit = max(1, self.limit // 2)

    def _handle_loop(self, page: RepoPage, fresh: tuple[Repo, ...]) -> RepoPage:
        entries, dids = len(page.repos) + len(page.dead_letters), _dids(page)
        may_end = not fresh and page.cursor == self.cursor and entries < self.limit
        if may_end and 0 < len(dids) < len(self._last_page_dids) and self._last_page_dids[-len(dids) :] == dids:
            return self._advance(page, fresh, cursor=None)
        failure = SourceFailure(
            "CursorLoop",
            f"the listing came back to cursor {page.cursor!r:.100}; if it goes on to, what stands behind can't be "
            "asked for: SET the cursor to another place of it, or to !ingester-done to take this for the end",
        )
        self._require_confirmation(page, failure)
        if fresh:
            return self._advance(page, fresh, cursor=self.cursor)
        if may_end and (entries <= self.limit // _SMALL_PAGE_FRACTION or set(dids) < set(self._last_page_dids)):
            return self._advance(page, fresh, cursor=None)
        raise SourceError(failure)

    def _require_confirmation(self, page: RepoPage, failure: SourceFailure) -> None:
        """SourceError, unless the host has answered so BELIEVED times in a row."""
        answer = (page.cursor, _dids(page))
        self._answer_count = self._answer_count + 1 if answer == self._unconfirmed_answer else 1
        self._unconfirmed_answer = answer
        if self._answer_count < CONFIRMING_ANSWERS:
            self._grow_limit()  # a host that begins with the cursor's own repo never gets on from one repo to the next
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
