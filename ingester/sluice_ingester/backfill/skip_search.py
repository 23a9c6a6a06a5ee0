"""Finding the cursor right behind one repository that its host cannot list, by bisection. Pure.

If a cursor is before the bad repository, a request for one repository behind it fails and names the bad one. Bisection
finds the first cursor that does not fail. So no other repository is skipped. The form of the cursors must be known:

- A relay's cursor is the account's UID. UIDs have gaps. The result is the UID of the bad account.
- A PDS's cursor is `millis::did`: the account's time of creation, and its DID. With the bad DID in it, the result has
  the time of the bad account.
"""

import re
from collections.abc import Callable, Generator
from typing import Final

_UID: Final = re.compile(r"[0-9]{1,18}")
_KEYSET: Final = re.compile(r"([0-9]{1,18})::(did:.+)")
_MAX_CURSOR: Final = 2**62

CursorSearch = Generator[str, bool, str | None]
"""Yields cursors to try. The caller sends whether the host failed and named the bad repository. Returns the cursor
right behind it, or None if the host names it everywhere.
"""


def find_cursor_after(cursor: str | None, did: str) -> CursorSearch | None:
    """The search for the cursor right behind `did`, which is the next repository behind `cursor`.

    None if the form of the cursor is unknown.
    """
    if cursor is None or _UID.fullmatch(cursor):
        return _bisect(int(cursor or 0), str)
    if match := _KEYSET.fullmatch(cursor):
        # An account with the same time as the cursor is behind it only if its DID is.
        before = int(match[1]) - (did > match[2])
        return _bisect(before, lambda millis: f"{millis}::{did}")
    return None


def _bisect(before: int, cursor: Callable[[int], str]) -> CursorSearch:
    step = 1
    behind = before + step
    while (yield cursor(behind)):
        before = behind
        step *= 2
        behind += step
        if behind > _MAX_CURSOR:
            return None
    while behind - before > 1:
        middle = (before + behind) // 2
        if (yield cursor(middle)):
            before = middle
        else:
            behind = middle
    return cursor(behind)
