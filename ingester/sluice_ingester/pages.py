"""Where a listing stands: which page to ask for, and what an answer is worth. Pure.

Cursors are opaque: a relay's is a number, a PDS's a time and a DID, and any other text may be one.
So whether a listing goes forward is told by what came before, never by what a cursor looks like:

- a page that gives the cursor that it was asked with, or one that was given of late, is a loop;
- a page of which every repo came of late is a repeated page.

Neither is taken: the same page is asked for again, after a pause. Where a page repeats only some
repos (a host that begins with the cursor's own repo), the others are taken.
"""

from collections import deque
from typing import Final

from sluice_ingester.sources.failure import Failure, SourceError
from sluice_ingester.wire.listing import MAX_LIMIT, Page, Repo

PAGES_REMEMBERED: Final = 4
CURSORS_REMEMBERED: Final = 1000


class Pages:
    """One walk through a listing, from `cursor` (None: the beginning) on."""

    def __init__(self, cursor: str | None) -> None:
        self.cursor = cursor
        self.limit = MAX_LIMIT
        self._cursors: deque[str] = deque([] if cursor is None else [cursor], maxlen=CURSORS_REMEMBERED)
        self._dids: deque[frozenset[str]] = deque(maxlen=PAGES_REMEMBERED)

    def fresh(self, page: Page) -> tuple[Repo, ...]:
        """The repos of `page` that did not come of late. SourceError if it leads nowhere."""
        if page.cursor is not None and page.cursor in self._cursors:
            raise SourceError(Failure("CursorLoop", f"the listing came back to cursor {page.cursor[:100]!r}"))
        fresh = tuple(repo for repo in page.repos if not any(repo.did in dids for dids in self._dids))
        if page.cursor is not None and page.repos and not fresh:
            raise SourceError(Failure("PageRepeated", f"the page behind cursor {self.cursor!r:.100} came before"))
        return fresh

    def taken(self, page: Page) -> None:
        """`page` will be stored: the next one comes behind it, and may be larger again."""
        self._dids.append(frozenset(repo.did for repo in page.repos))
        self.go_to(page.cursor)
        self.limit = min(MAX_LIMIT, 2 * self.limit)

    def go_to(self, cursor: str | None) -> None:
        """The next page comes behind `cursor`."""
        self.cursor = cursor
        if cursor is not None:
            self._cursors.append(cursor)

    def narrow(self) -> None:
        """The page could not be listed: ask for half of it."""
        self.limit = max(1, self.limit // 2)
