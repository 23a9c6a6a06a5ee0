"""Detecting gaps: events that the source no longer has, between the stored cursor and the first new frame. Pure.

Relays keep their events for a limited time (72 hours). An ingester that reconnects later receives the oldest events
that remain. Some sources announce this (`#info OutdatedCursor`). The public relays do not. So the end of the stored
events is compared with the first frames of a connection. A single stray frame is not a gap.

- The frames follow the cursor directly, or the source repeats stored frames: there is no gap.
- The gap is announced, and the frames do not follow directly: everything between is lost.
- The gap is not announced. Then two conditions must hold: more than MAX_OVERLAP seqs are missing, and most frames are
  more than JUMP_SECONDS younger than the newest stored event. Each of them alone is normal. Sequences have gaps, and
  public relays have increased theirs by billions within a second. Quiet sources send nothing for hours. If the time
  of the event at the cursor is unknown, for example because the cursor was set by hand, the seqs alone decide.

Labelers keep all their labels, and may be quiet for days. Their seqs have gaps of any size. For them only an announced
gap counts (`drops_old_events` is False).

Cursor 0 requests the oldest events, so there is no gap. Gaps within a connection do not matter either: only the source
could fill them.

Without a cursor no past event can be requested. Events that a source sends between two such connections are lost, and
their number is unknown (NO_CURSOR).
"""

from dataclasses import dataclass, field
from typing import Final

from sluice_ingester.cursor.event_time import epoch_seconds
from sluice_ingester.cursor.frame_digests import FrameDigests
from sluice_ingester.cursor.sequence import MAX_OVERLAP
from sluice_redis.contract import HealthField

JUMP_SECONDS: Final = 60.0

NO_CURSOR: Final = "NoCursor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The seqs from `first` on are lost. `since` is the time of the newest event before them, if known.

    `reason` is the value of the health field `lostReason`. `first` is None if it is unknown.
    """

    first: int | None
    since: str | None
    reason: str

    def opening_fields(self, *, now: str) -> dict[str, str]:
        """The health fields of a gap whose end is unknown."""
        return {
            HealthField.LOST_FROM: "" if self.first is None else str(self.first),
            HealthField.LOST_FROM_TIME: self.since or "",
            HealthField.LOST_TO: "",
            HealthField.LOST_TO_TIME: "",
            HealthField.LOST_AT: now,
            HealthField.LOST_REASON: self.reason,
        }

    def closing_fields(self, *, seq: int, time: str) -> dict[str, str]:
        """The health fields of its end. The frame `seq` is the first one after it.

        If the source has begun another sequence, the last lost seq is unknown.
        """
        last = str(seq - 1) if self.first is None or seq > self.first else ""
        return {HealthField.LOST_TO: last, HealthField.LOST_TO_TIME: time}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """The end of the stored events of a source, from which the ingester resumes.

    `event_time` is that of the newest event, set at `event_time_noted_at` (seconds since 1970), or None if it is
    unknown. `open_gap` is a gap whose end is not stored yet. `frame_digests` belong to the cursor. `live_since` is
    when the source was first read without a cursor, empty if it never was. `stored_part` says which events are stored
    of a frame that is stored in part.
    """

    cursor: bytes | None
    event_time: str | None = None
    event_time_noted_at: float = 0.0
    open_gap: Gap | None = None
    frame_digests: FrameDigests = field(default_factory=FrameDigests)
    live_since: str = ""
    stored_part: str = ""


class GapDetector:
    """The beginning of one connection, from `position` up to where the source continues.

    It is `finished` when that is known. `is_announced` is set if the source has announced a gap.
    """

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
        """Whether events may be missing before the frames that have arrived."""
        if self.is_finished or self._first_new is None or self._position is None or self._saw_repeat:
            return False
        missing = self._first_new[0] - self._position
        return missing > 1 if self.is_announced else self._drops_old_events and missing > MAX_OVERLAP

    def repeat_seen(self) -> None:
        """Note that the source still has the cursor's own event, or one before it."""
        self._saw_repeat = True

    def new_frame_seen(self, seq: int, time: str | None) -> None:
        """Note a new frame above the cursor."""
        if self._first_new is None or seq < self._first_new[0]:
            self._first_new = seq, time
        if time is not None:
            self._times.append(epoch_seconds(time))

    def possible_gap(self) -> Gap | None:
        """The gap if the source continues elsewhere. None if nothing was ever read."""
        if self._position is None:
            return None
        return Gap(first=self._position + 1, since=self.resume_point.event_time, reason="OutdatedCursor")

    def finish(self) -> Gap | None:
        """End the detection, because it is known where the source continues. The gap before the new frames, if any."""
        in_doubt, self.is_finished = self.may_have_gap, True
        return self.possible_gap() if in_doubt and (self.is_announced or self._time_jumps()) else None

    def _time_jumps(self) -> bool:
        before = self.resume_point.event_time
        if before is None or not self._times:
            return True
        return sorted(self._times)[len(self._times) // 2] - epoch_seconds(before) > JUMP_SECONDS
