"""The rules of the cursor: what a stored one means, and which frame is new. Pure.

The event-stream specification lets a client resume with the seq of the last message that it has
dealt with, but servers differ in what they send then, and so this module holds one rule that fits
all of them. `position` is the seq of the newest frame taken; at the start of a connection it is
the stored cursor.

- A frame above the position is NEW and becomes the position.
- A frame at or below it is a REPEAT, and dropped, only where sources really repeat themselves:
    - before the first new frame of a connection, up to OVERLAP below: the PDS and the plain relay
      begin after the cursor, rainbow (in front of the public relays) begins with the cursor
      itself, and behind one host name there may be several of them, one a moment behind another;
    - later, up to CROSSOVER below: rainbow repeats an event when it goes from replay to live.
- Any other frame below the position means that the sequence MOVED_BACK: the source was reset or
  restored, or the cursor belongs to another sequence. Dropping such frames until the seq comes to
  the cursor again would lose days silently, storing them would mix two sequences under one
  cursor. So neither is done: the caller halts and a person decides.
- More than OVERLAP repeats without a new frame between them are a sequence that moved back, too.

A jump upwards is always new: sequences have gaps, and public relays moved theirs up by billions.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal

OVERLAP: Final = 1000
CROSSOVER: Final = 10
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

    __slots__ = ("_passed", "_repeats", "seq")

    def __init__(self, seq: int | None) -> None:
        self.seq = seq
        self._passed = False
        self._repeats = 0

    def judge(self, seq: int) -> Verdict:
        """The verdict about the next frame; a NEW one moves the position."""
        if self.seq is None or seq > self.seq:
            self.seq = seq
            self._passed = True
            self._repeats = 0
            return Verdict.NEW
        self._repeats += 1
        reach = CROSSOVER if self._passed else OVERLAP
        if self.seq - seq > reach or self._repeats > OVERLAP:
            return Verdict.MOVED_BACK
        return Verdict.REPEAT
