"""The pages of ``com.atproto.sync.listRepos``, with the cursors of a relay or of a PDS, and their faults.

- The cursor of a relay is the decimal uid of the last account. A page that is shorter than the limit has no cursor.
- The cursor of a PDS is ``millis::did``. Every page that isn't empty has one.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from e2e.relaysim import accounts
from e2e.relaysim.accounts import Listed
from e2e.relaysim.network import Network

Style = Literal["uid", "pds"]
_MAX_LIMIT = 1000
_DEFAULT_LIMIT = 500


class BadRequestError(ValueError):
    """The lexicon doesn't allow the request: HTTP 400, InvalidRequest."""


class BadRepoError(RuntimeError):
    """The page holds a repository that the server can't read: HTTP 500 for the whole page."""


@dataclass(slots=True)
class ListingFaults:
    """The faults of the listing. An account is named by its place, which counts from 0.

    - ``bad``: a page with one of these accounts fails, as many times as the value says (None: always).
    - ``bare``: these accounts have an empty head and rev.
    - ``repeats``: this many pages are answered with the page before.
    - ``loop``: this many pages return the cursor of the request.
    - ``shrink``: a page holds at most this many accounts.
    """

    bad: dict[int, int | None] = field(default_factory=dict)
    bare: set[int] = field(default_factory=set)
    repeats: int = 0
    loop: int = 0
    shrink: int | None = None


class Listing:
    """The accounts of a network, page by page."""

    def __init__(self, network: Network, style: Style) -> None:
        self._network = network
        self._style: Style = style
        self._last: dict[str, Any] | None = None
        self.faults = ListingFaults()

    def page(self, cursor: str | None, limit: str | None) -> dict[str, Any]:
        """The body of a successful response. ``BadRequestError`` or ``BadRepoError`` for one that isn't."""
        faults = self.faults
        if faults.repeats and self._last is not None:
            faults.repeats -= 1
            return self._last
        asked = _limit(limit)
        count = min(asked, faults.shrink or asked)
        first = 0 if cursor is None else self._after(cursor)
        indexes = range(first, min(first + count, len(self._network)))
        for index in indexes:
            self._check(index)
        listed = [self._network.listed(index) for index in indexes]
        page: dict[str, Any] = {
            "repos": [_repo(repo, bare=index in faults.bare) for index, repo in zip(indexes, listed, strict=True)]
        }
        following = self._following(listed, count)
        if faults.loop:
            faults.loop -= 1
            following = cursor or following
        if following is not None:
            page["cursor"] = following
        self._last = page
        return page

    def _check(self, index: int) -> None:
        if index in self.faults.bad:
            left = self.faults.bad[index]
            if left == 1:
                del self.faults.bad[index]
            elif left is not None:
                self.faults.bad[index] = left - 1
            did = self._network.listed(index).did
            msg = f"failed to get repo root for ({did}): repository state not available"
            raise BadRepoError(msg)

    def _after(self, cursor: str) -> int:
        """The place of the first account after the cursor."""
        if self._style == "pds":
            created, _, did = cursor.partition("::")
            if not created.isdecimal() or not did.startswith("did:"):
                msg = "Malformed cursor"
                raise BadRequestError(msg)
            key = (int(created), did)
        else:
            if not cursor.isdecimal():
                msg = f"could not parse cursor: {cursor}"
                raise BadRequestError(msg)
            key = (int(cursor), "")
        low, high = 0, len(self._network)
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) <= key:
                low = middle + 1
            else:
                high = middle
        return low

    def _key(self, index: int) -> tuple[int, str]:
        if self._style == "pds":
            return accounts.created(index), self._network.listed(index).did
        return accounts.uid(index), ""

    def _following(self, listed: list[Listed], count: int) -> str | None:
        if not listed:
            return None
        if self._style == "pds":
            return f"{listed[-1].created}::{listed[-1].did}"
        return str(listed[-1].uid) if len(listed) == count else None


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_LIMIT:
        msg = f"limit must be an integer from 1 to {_MAX_LIMIT}, got {text}"
        raise BadRequestError(msg)
    return int(text)


def _repo(repo: Listed, *, bare: bool) -> dict[str, Any]:
    head, rev = ("", "") if bare else (repo.head, repo.rev)
    fields: dict[str, Any] = {"did": repo.did, "head": head, "rev": rev, "active": repo.status is None}
    return fields if repo.status is None else fields | {"status": repo.status}
