"""The rules of the cursor: what a stored one means, and which frame is new. Pure.

The event-stream specification lets a client resume with the seq of the last message that it has
dealt with, but servers differ in what they send then, and so this module holds one rule that fits
all of them. `position` is the seq of the newest frame taken; when a connection begins, it is the
stored cursor.

- A frame above the position is NEW and becomes the position. However far above: sequences have
  gaps, and public relays moved theirs up by billions.
- A frame at the position, or up to REACH below it, is a REPEAT and dropped. That is how far sources
  repeat themselves: the PDS and the plain relay begin after the cursor, but rainbow (in front of
  the public relays) begins with the cursor's own event, and repeats one where its replay meets the
  live stream.
- A frame further below means that the sequence MOVED_BACK, and so do more than a few repeats in a
  row. Dropping such frames until the seq reaches the cursor again would silently lose days;
  storing them would mix two sequences under one cursor. So neither is done: the caller halts, and
  a person decides. At once, if the frame is later than every one before it (`is_later`): then it
  is a new event under an old seq. If not, an old event came again: behind one name there can be
  several servers, one of them a moment late, and so some more connections are tried before.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal

from sluice_ingester.contract import CURSOR_LIVE

REACH: Final = 10
MAX_SEQ: Final = 2**53 - 1

StartFrom = Literal["oldest", "live"] | int
"""Where to begin when no cursor is stored; a number is the first seq that is wanted."""


class CursorUnreadableError(ValueError):
    """The stored cursor is there, but it is no seq: not the same as a missing one."""


@dataclass(frozen=True, slots=True)
class Start:
    """How to open a connection: the `cursor` to ask for (None: live) and the `position` to begin with."""

    cursor: str | None
    position: int | None


def read(stored: bytes | None) -> int | None:
    """The seq in a stored cursor, None if none is stored; CursorUnreadableError if it is no seq."""
    if stored is None:
        return None
    if stored.isdigit() and len(stored) <= 16 and int(stored) <= MAX_SEQ:
        return int(stored)
    raise CursorUnreadableError(f"{stored[:64]!r} is not a decimal seq below 2^53")


def begin(stored: bytes | None, start_from: StartFrom) -> Start:
    """How to open a connection with that stored cursor; CursorUnreadableError if it is none."""
    if stored == CURSOR_LIVE.encode():
        return start(None, "live")
    return start(read(stored), start_from)


def start(seq: int | None, start_from: StartFrom) -> Start:
    """Where to go on after `seq`, or where to begin if there is none."""
    if seq is not None:
        return Start(cursor=str(seq), position=seq)
    if start_from == "live":
        return Start(cursor=None, position=None)
    if start_from == "oldest" or start_from <= 1:
        return Start(cursor="0", position=None)
    # One below the wanted seq: servers that begin after the cursor then send it, too.
    return Start(cursor=str(start_from - 1), position=start_from - 1)


class Verdict(Enum):
    """What a frame is, by its seq."""

    NEW = auto()
    REPEAT = auto()
    MOVED_BACK = auto()


class Position:
    """Where one connection stands; judges its frames one after the other."""

    __slots__ = ("_repeats", "seq")

    def __init__(self, seq: int | None) -> None:
        self.seq = seq
        self._repeats = 0

    def judge(self, seq: int) -> Verdict:
        """The verdict about the next frame; a NEW one moves the position."""
        if self.seq is None or seq > self.seq:
            self.seq = seq
            self._repeats = 0
            return Verdict.NEW
        self._repeats += 1
        if self.seq - seq > REACH or self._repeats > 2 * REACH:
            return Verdict.MOVED_BACK
        return Verdict.REPEAT


def is_later(time: str | None, *, than: str | None) -> bool:
    """Whether a frame of `time` can't be one of those whose newest time is `than`; False if unknown."""
    return time is not None and than is not None and time > than
