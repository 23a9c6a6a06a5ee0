"""What was lost between the stored cursor and the first frame that came after it. Pure.

A source keeps its events for a while only (relays: 72 hours). Whoever comes back later gets the
oldest that is left; some sources announce it (`#info OutdatedCursor`), the public relays don't. So
each connection's first new frame is compared with the place where the stored ones end:

- It follows the cursor directly, or the source repeated the cursor's own event: nothing is lost.
- Announced, and it does not follow directly: all between is lost.
- Not announced: lost if more than REACH seqs are missing and the frame is more than JUMP_SECONDS
  younger than the newest stored event. Either alone is usual: sequences have gaps, and public
  relays moved theirs up by billions from one second to the next; quiet sources have nights. Where
  the time of the event at the cursor is unknown (the cursor was set by hand, or written by another
  program), the seqs alone decide.

Labelers forget nothing: theirs is a table of labels, numbered with gaps of any size, and quiet for days.
So there only what is announced counts (`forgets` is False).

Cursor 0 asks for the oldest, whatever that is: nothing is lost there. Within one connection gaps
mean nothing; only the source could fill them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sluice_ingester.contract import Health
from sluice_ingester.cursor import REACH

JUMP_SECONDS: Final = 60.0


class OnLost(StrEnum):
    """What to do about a cursor that the source can't go on from, where a person has chosen."""

    HALT = "halt"
    OLDEST = "oldest"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Seqs from `first` on will not come. `since` is the time of the newest event before them, if known.

    `reason` is the word under which a person reads of it.
    """

    first: int
    since: str | None
    reason: str

    def opened(self, *, now: str) -> dict[str, str]:
        """The health fields that tell of it while its end is unknown."""
        return {
            Health.LOST_FROM: str(self.first),
            Health.LOST_FROM_TIME: self.since or "",
            Health.LOST_TO: "",
            Health.LOST_TO_TIME: "",
            Health.LOST_AT: now,
            Health.LOST_REASON: self.reason,
        }

    def closed(self, *, seq: int, time: str) -> dict[str, str]:
        """The health fields of its end: the frame `seq` is the first that came after it.

        In another sequence the last lost seq can't be told.
        """
        return {Health.LOST_TO: str(seq - 1) if seq > self.first else "", Health.LOST_TO_TIME: time}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the stored events of a source end.

    `time` is that of the event at the cursor, None if it is unknown. `open` is a loss that was
    written down before its end was known.
    """

    cursor: bytes | None
    time: str | None = None
    open: Loss | None = None


class Arrival:
    """A connection up to its first new frame, begun at `position`."""

    def __init__(self, place: Place, position: int | None, *, forgets: bool = True) -> None:
        self.place = place
        self._forgets = forgets
        self.over = False
        self.announced = False
        self._position = position or None
        self._repeated = False

    def repeated(self) -> None:
        """The source still has the cursor's own event, or one before it."""
        self._repeated = True

    def loss(self) -> Loss | None:
        """What will be missing if the source goes on elsewhere; None if nothing was ever read."""
        if self._position is None:
            return None
        return Loss(first=self._position + 1, since=self.place.time, reason="OutdatedCursor")

    def arrive(self, seq: int, time: str | None) -> Loss | None:
        """What is missing before the first new frame, `seq` of `time`."""
        self.over = True
        if self._position is None or self._repeated or seq <= self._position + 1:
            return None
        if self.announced or (self._forgets and seq - self._position > REACH and self._jumps(time)):
            return self.loss()
        return None

    def _jumps(self, time: str | None) -> bool:
        before = self.place.time
        if before is None or time is None:
            return True
        return (datetime.fromisoformat(time) - datetime.fromisoformat(before)).total_seconds() > JUMP_SECONDS
