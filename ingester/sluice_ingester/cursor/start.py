"""What a stored cursor means, and how a connection begins with it. Pure.

A cursor is the seq of a frame that is stored, with all before it. What the frames of a connection then mean
for it is said in `sequence`.
"""

from dataclasses import dataclass
from typing import Literal

from sluice_redis.contract import CURSOR_LIVE, MAX_SEQ

StartFrom = Literal["oldest", "live"] | int
"""Where to begin when no cursor is stored; a number is the first seq that is wanted."""


class CursorUnreadableError(ValueError):
    """The stored cursor is there, but it is no seq: not the same as a missing one."""


@dataclass(frozen=True, slots=True)
class ConnectionStart:
    """How to open a connection: the `cursor` to ask for (None: live) and the `position` to begin with."""

    cursor: str | None
    position: int | None


def parse_cursor(stored: bytes | None) -> int | None:
    """The seq in a stored cursor, None if none is stored; CursorUnreadableError if it is no seq."""
    if stored is None:
        return None
    if stored.isdigit() and len(stored) <= 16 and int(stored) <= MAX_SEQ:
        return int(stored)
    raise CursorUnreadableError(f"{stored[:64]!r} is not a decimal seq below 2^53")


def start_from_stored(stored: bytes | None, start_from: StartFrom) -> ConnectionStart:
    """How to open a connection with that stored cursor; CursorUnreadableError if it is none."""
    if stored == CURSOR_LIVE.encode():
        return start_after(None, "live")
    return start_after(parse_cursor(stored), start_from)


def start_after(seq: int | None, start_from: StartFrom) -> ConnectionStart:
    """Where to go on after `seq`, or where to begin if there is none."""
    if seq is not None:
        return ConnectionStart(cursor=str(seq), position=seq)
    if start_from == "live":
        return ConnectionStart(cursor=None, position=None)
    if start_from == "oldest" or start_from <= 1:
        return ConnectionStart(cursor="0", position=None)
    # One below the wanted seq: servers that begin after the cursor then send it, too.
    return ConnectionStart(cursor=str(start_from - 1), position=start_from - 1)
