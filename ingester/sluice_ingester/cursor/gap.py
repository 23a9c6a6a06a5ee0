"""What was lost between the stored cursor and the first frame that came after it. Pure.

A source keeps its events for a while only (relays: 72 hours). Whoever comes back later gets the
oldest that is left; some sources announce it (`#info OutdatedCursor`), the public relays don't. So
the place where the stored ones end is compared with the first frames of a connection, once it is
known where the source goes on (see `sequence`): one stray frame is no loss.

- They follow the cursor directly, or the source repeated what is stored: nothing is lost.
- Announced, and they do not follow directly: all between is lost.
- Not announced: lost if more than REACH seqs are missing and the frames (most of them) are more than
  JUMP_SECONDS younger than the newest stored event. Either alone is usual: sequences have gaps, and public
  relays moved theirs up by billions from one second to the next; quiet sources have nights. Where
  the time of the event at the cursor is unknown (the cursor was set by hand, or written by another
  program), the seqs alone decide.

Labelers forget nothing: theirs is a table of labels, numbered with gaps of any size, and quiet for days.
So there only what is announced counts (`forgets` is False).

Cursor 0 asks for the oldest, whatever that is: nothing is lost there. Within one connection gaps
mean nothing; only the source could fill them.

Without a cursor nothing can be asked for: what a source says between two such connections is lost, and how
much that was is not known (NO_CURSOR).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sluice_ingester.cursor.event_time import epoch_seconds
from sluice_ingester.cursor.frame_digests import FrameDigests
from sluice_ingester.cursor.sequence import MAX_OVERLAP
from sluice_redis.contract import HealthField

JUMP_SECONDS: Final = 60.0

NO_CURSOR: Final = "NoCursor"


class OnCursorLost(StrEnum):
    """What to do about a cursor that the source can't go on from, where a person has chosen."""

    HALT = "halt"
    OLDEST = "oldest"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Seqs from `first` on will not come. `since` is the time of the newest event before them, if known.

    `reason` is the word under which a person reads of it. `first` is None if it is unknown.
    """

    first: int | None
    since: str | None
    reason: str

    def opening_fields(self, *, now: str) -> dict[str, str]:
        """The health fields that tell of it while its end is unknown."""
        return {
            HealthField.LOST_FROM: "" if self.first is None else str(self.first),
            HealthField.LOST_FROM_TIME: self.since or "",
            HealthField.LOST_TO: "",
            HealthField.LOST_TO_TIME: "",
            HealthField.LOST_AT: now,
            HealthField.LOST_REASON: self.reason,
        }

    def closing_fields(self, *, seq: int, time: str) -> dict[str, str]:
        """The health fields of its end: the frame `seq` is the first that came after it.

        In another sequence the last lost seq can't be told.
        """
        last = str(seq - 1) if self.first is None or seq > self.first else ""
        return {HealthField.LOST_TO: last, HealthField.LOST_TO_TIME: time}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """Where the stored events of a source end.

    `time` is that of the newest event, told at `told` (seconds since 1970), None if it is unknown. `open` is
    a loss that was written down before its end was known. `frames` are the digests that belong to the cursor.
    `live_since` is when the source was first read without a cursor, empty if it never was. `part` tells of a frame
    that is stored in part: see `portions`.
    """

    cursor: bytes | None
    event_time: str | None = None
    event_time_noted_at: float = 0.0
    open_gap: Gap | None = None
    frame_digests: FrameDigests = field(default_factory=FrameDigests)
    live_since: str = ""
    stored_part: str = ""


class GapDetector:
    """A connection up to where the source goes on, begun at `position`."""

    def __init__(self, resume_point: ResumePoint, position: int | None, *, drops_old_events: bool = True) -> None:
        self.resume_point = resume_point
        self._drops_old_events = drops_old_events
        self.is_finished = False
        self.is_announced = False
        self._position = position or None
        self._saw_repeat = False
        self._first_new: tuple[int, str | None] | None = None
        self._times: list[float] = []

    @property
    def first_new(self) -> tuple[int, str | None] | None:
        """Seq and time of the lowest new frame so far."""
        return self._first_new

    @property
    def may_have_gap(self) -> bool:
        """Whether something may be missing before the frames that have come."""
        if self.is_finished or self._first_new is None or self._position is None or self._saw_repeat:
            return False
        missing = self._first_new[0] - self._position
        return missing > 1 if self.is_announced else self._drops_old_events and missing > MAX_OVERLAP

    def repeat_seen(self) -> None:
        """The source still has the cursor's own event, or one before it."""
        self._saw_repeat = True

    def new_frame_seen(self, seq: int, time: str | None) -> None:
        """A new frame, above the cursor."""
        if self._first_new is None or seq < self._first_new[0]:
            self._first_new = seq, time
        if time is not None:
            self._times.append(epoch_seconds(time))

    def possible_gap(self) -> Gap | None:
        """What will be missing if the source goes on elsewhere; None if nothing was ever read."""
        if self._position is None:
            return None
        return Gap(first=self._position + 1, since=self.resume_point.event_time, reason="OutdatedCursor")

    def finish(self) -> Gap | None:
        """It is known where the source goes on: what is missing before the frames that it `saw`."""
        in_doubt, self.is_finished = self.may_have_gap, True
        return self.possible_gap() if in_doubt and (self.is_announced or self._time_jumps()) else None

    def _time_jumps(self) -> bool:
        before = self.resume_point.event_time
        if before is None or not self._times:
            return True
        return sorted(self._times)[len(self._times) // 2] - epoch_seconds(before) > JUMP_SECONDS
