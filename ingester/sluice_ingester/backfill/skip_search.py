"""How to pass over one repo that its host can't list, without passing over its neighbours. Pure.

A cursor lies before a repo, and the wanted one lies right behind it. Asked for one repo behind a
cursor, the host fails naming the bad one as long as the cursor lies before it: so the first cursor
that doesn't is found by halving. The cursor's form must be known for that:

- a relay's is the account's UID, and UIDs have gaps: the wanted one is the bad account's own;
- a PDS's is `millis::did`, the account's time of creation and DID: with the bad DID in it, the
  wanted one has the bad account's own time.
"""

import re
from collections.abc import Callable, Generator
from typing import Final

_UID: Final = re.compile(r"[0-9]{1,18}")
_KEYSET: Final = re.compile(r"([0-9]{1,18})::(did:.+)")
_MAX_CURSOR: Final = 2**62

CursorSearch = Generator[str, bool, str | None]
"""Yields cursors to try; is sent whether the host failed naming the bad repo. Returns the cursor right
behind it, or None if the host names it wherever it is asked.
"""


def find_cursor_after(cursor: str | None, did: str) -> CursorSearch | None:
    """The search for the cursor right behind `did`, which is the next repo behind `cursor`.

    None if nothing is known of cursors of this form.
    """
    if cursor is None or _UID.fullmatch(cursor):
        return _bisect(int(cursor or 0), str)
    if match := _KEYSET.fullmatch(cursor):
        # An account of the cursor's own time stands behind the cursor only if its DID does.
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
