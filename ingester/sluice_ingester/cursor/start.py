"""Parsing a stored cursor, and choosing the cursor to connect with. Pure.

A cursor is the seq of a frame that is stored, together with all frames before it.
"""

from dataclasses import dataclass
from typing import Literal

from sluice_common.seqs import MAX_SEQ
from sluice_redis.contract import CURSOR_LIVE

StartFrom = Literal["oldest", "live"] | int
"""Where to begin if no cursor is stored. A number is the first seq to read."""


class CursorUnreadableError(ValueError):
    """There is a stored cursor, but it is not a seq."""


@dataclass(frozen=True, slots=True)
class ConnectionStart:
    """How to open a connection: the `cursor` to request (None: live), and the `position` in the sequence."""

    cursor: str | None
    position: int | None


def parse_cursor(stored: bytes | None) -> int | None:
    """The seq in a stored cursor. None if none is stored. CursorUnreadableError if it is not a seq."""
    if stored is None:
        return None
    if stored.isdigit() and len(stored) <= 16 and int(stored) <= MAX_SEQ:
        return int(stored)
    raise CursorUnreadableError(f"{stored[:64]!r} is not a decimal seq below 2^53")


def start_from_stored(stored: bytes | None, start_from: StartFrom) -> ConnectionStart:
    """How to open a connection with this stored cursor. CursorUnreadableError if it is not one."""
    if stored == CURSOR_LIVE.encode():
        return start_after(None, "live")
    return start_after(parse_cursor(stored), start_from)


def start_after(seq: int | None, start_from: StartFrom) -> ConnectionStart:
    """How to continue after `seq`, or how to begin if there is none."""
    if seq is not None:
        return ConnectionStart(cursor=str(seq), position=seq)
    if start_from == "live":
        return ConnectionStart(cursor=None, position=None)
    if start_from == "oldest" or start_from <= 1:
        return ConnectionStart(cursor="0", position=None)
    # One below the wanted seq, for servers that begin after the cursor.
    return ConnectionStart(cursor=str(start_from - 1), position=start_from - 1)
