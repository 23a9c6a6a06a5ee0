"""The cursor tracker: it applies each message of a source to the cursor, within a connection and across connections.

The rules are in `sequence`, `event_time` and `gap`. The tracker combines them with the settings, adds frames to the
batcher, and reports lost events.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.times import format_time
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor import start
from sluice_ingester.cursor.errors import CursorLostError, HaltError
from sluice_ingester.cursor.event_time import EventTime
from sluice_ingester.cursor.gap import NO_CURSOR, Gap, GapDetector, ResumePoint
from sluice_ingester.cursor.held_frames import HeldFrames
from sluice_ingester.cursor.misfit import MisfitCounter
from sluice_ingester.cursor.sequence import FrameClass, SequenceTracker
from sluice_ingester.sources.failure import SourceError, SourceFailure
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_redis.contract import ResumeField
from sluice_redis.ingester_settings import START_FROM, OnCursorLost
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage

_OTHER_SEQUENCE: Final = "its sequence has started again, or the cursor belongs to another one"


class CursorStore(Protocol):
    """The part of the Redis writer that the tracker uses. BatchWriter implements it."""

    resume_point: ResumePoint

    def add_health_fields(self, health_fields: Mapping[str, str]) -> None:
        """Write fields of the health hash with the next batch, in the same step."""

    async def write_health(self, health_fields: Mapping[str, str]) -> None:
        """Write fields of the health hash now, for as long as it takes."""


class CursorTracker:
    """The cursor of one source. Call `start_connection` before every connection.

    `frames_received` counts the frames of all connections.
    """

    def __init__(
        self,
        *,
        report: HealthReport,
        writer: CursorStore,
        cursor_key: str,
        start_from: start.StartFrom,
        on_lost: OnCursorLost | None,
        frames_metric: str,
        drops_old_events: bool,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`frames_metric` counts frames. `drops_old_events`: the source keeps events only for a limited time."""
        self.on_lost = on_lost
        self.frames_received = 0
        self._report = report
        self._clock = clock
        self._writer = writer
        self._cursor_key = cursor_key
        self._start_from = start_from
        self._frames_metric = frames_metric
        self._drops_old_events = drops_old_events
        self._misfits = MisfitCounter()
        self._sequence = SequenceTracker(None)
        self._time = EventTime()
        self._unwritten_time: str | None = None
        self._held_frames = HeldFrames(clock=self._clock)
        self._gap_detector = GapDetector(writer.resume_point, None)
        self._open_gap: Gap | None = None
        self._start_position: int | None = None
        self._connect_cursor: str | None = None
        self._received = 0.0
        self._is_in_order = False
        """Whether a frame that continues the sequence needs no further thought."""

    def start_connection(self, stored: bytes | None) -> str | None:
        """The cursor to connect with, if `stored` is stored in Redis. HaltError if that is not a cursor."""
        try:
            begin = start.start_from_stored(stored, self._start_from)
        except start.CursorUnreadableError as error:
            raise HaltError(
                "CursorUnreadable",
                f"the cursor at {self._cursor_key} is not usable: {error}; {self.remedy()}",
            ) from None
        resume_point = self._writer.resume_point
        digests = resume_point.frame_digests
        undigested_until = digests.undigested_until if digests.is_stored else begin.position
        self._start_position = begin.position
        self._sequence = SequenceTracker(
            begin.position, known_digests=digests.digests, undigested_until=undigested_until
        )
        self._time = EventTime(resume_point.event_time, noted_at=resume_point.event_time_noted_at)
        self._unwritten_time = None
        self._held_frames = HeldFrames(clock=self._clock)
        self._gap_detector = GapDetector(resume_point, begin.position, drops_old_events=self._drops_old_events)
        self._open_gap = resume_point.open_gap
        self._connect_cursor = begin.cursor
        self._is_in_order = False
        return begin.cursor

    async def connected(self) -> None:
        """Handle an open connection. If it has no cursor, write that to Redis, for as long as it takes.

        Events between two such connections cannot be requested. So the second connection opens a gap, unless one is
        open.
        """
        live_since = self._gap_detector.resume_point.live_since
        if self._connect_cursor is not None or self._open_gap is not None:
            return
        if not live_since:
            await self._writer.write_health({ResumeField.LIVE_SINCE: self._now()})
            return
        since = self._report.disconnected_at or live_since
        self._open_gap = Gap(first=None, since=since, reason=NO_CURSOR)
        self._report.error(
            NO_CURSOR,
            f"what {self._report.source} sent after {since} may be missing: the connection ended before the first "
            "event, so there was no cursor to continue from",
        )
        await self._writer.write_health(self._open_gap.opening_fields(now=self._now()))

    def count_frames(self, number: int) -> None:
        """Count frames that were handled."""
        self._report.metrics.increment(self._frames_metric, number)
        self.frames_received += number

    def handle_frame(self, frame: DecodedFrame, digest: bytes, batcher: Batcher, *, received: float) -> None:
        """Add the frame to `batcher` if it must be stored. It was received at `received`, in seconds since 1970.

        SourceError or CursorLostError if the connection must end.
        """
        self._received = received
        if frame.seq is None:
            self._add_to_batch(frame, None, batcher)
            return
        if self._is_in_order and self._sequence.take_next(frame.seq, digest):
            self._add_to_batch(frame, digest, batcher)
            return
        before = self._sequence.seq
        match self._sequence.classify(frame.seq, digest):
            case FrameClass.NEW:
                self._handle_new(frame, frame.seq, digest, batcher)
            case FrameClass.REPEAT:
                self._handle_repeat(frame, frame.seq, before, batcher)
            case FrameClass.LOW if self._held_frames.has_room(frame):
                self._held_frames.add(frame, digest, is_low=True)
            case FrameClass.LOW:
                self.release_held_frames(batcher)
                self._add_to_batch(frame, digest, batcher)
            case FrameClass.MOVED_BACK:
                raise self._moved_back(frame)
        if self._sequence.strays:
            self._report_strays()
        self._is_in_order = self._gap_detector.is_finished and not self._held_frames and self._misfits.is_reset

    def _handle_new(self, frame: DecodedFrame, seq: int, digest: bytes, batcher: Batcher) -> None:
        self._misfits.reset()
        if not self._gap_detector.is_finished:
            self._gap_detector.new_frame_seen(seq, frame.time)
            self._check_for_gap()
            chooses = self.on_lost in {OnCursorLost.HALT, OnCursorLost.LIVE}
            if chooses and self._gap_detector.may_have_gap and self._held_frames.has_room(frame):
                self._held_frames.add(frame, digest)
                return
        if self._held_frames:
            self.release_held_frames(batcher)
        self._add_to_batch(frame, digest, batcher)

    def _handle_repeat(self, frame: DecodedFrame, seq: int, before: int | None, batcher: Batcher) -> None:
        self._report.metrics.repeats.labels(self._report.source).inc()
        if self._start_position is not None and seq <= self._start_position:
            self._gap_detector.repeat_seen()
        elif not self._gap_detector.is_finished:
            self._gap_detector.new_frame_seen(seq, frame.time)
        if self._held_frames and not self._sequence.low_in_a_row:
            self.release_held_frames(batcher)
        if self._sequence.seq != before:
            self._check_for_gap()
            batcher.advance(cursor=self._sequence.seq)

    def handle_silence(self, batcher: Batcher) -> None:
        """Handle a source that has sent nothing for a while. CursorLostError if the connection must end."""
        before = self._sequence.seq
        self._sequence.handle_silence(allow_leap=self._gap_detector.is_announced and not self._gap_detector.is_finished)
        self._check_for_gap()
        self._unwritten_time = self._time.handle_silence(now=self._clock.now().timestamp()) or self._unwritten_time
        moved = self._time_to_write()
        if self._sequence.seq != before or moved is not None:
            if self._held_frames and not self._sequence.low_in_a_row:
                self.release_held_frames(batcher)
            batcher.advance(cursor=self._sequence.seq, event_time=moved)
        if self._held_frames.are_expired:
            self.release_held_frames(batcher)

    def handle_disconnect(self, batcher: Batcher) -> None:
        """Handle the end of the connection by the source. CursorLostError if the next one must not continue."""
        before = self._sequence.seq
        self._sequence.handle_disconnect()
        if self._sequence.seq != before:
            self._check_for_gap()
            batcher.advance(cursor=self._sequence.seq)

    def release_held_frames(self, batcher: Batcher) -> None:
        """Add the frames that were held back to `batcher`, in the order of arrival."""
        if self._held_frames.has_low_frames:
            self._report_stray(f"seq {self._held_frames.seqs} far below {self._sequence.seq}")
        self._received = self._clock.now().timestamp()
        for frame, digest in self._held_frames.take_all():
            self._add_to_batch(frame, digest, batcher)

    def _add_to_batch(self, frame: DecodedFrame, digest: bytes | None, batcher: Batcher) -> None:
        self._unwritten_time = self._time.update(frame.time, now=self._received) or self._unwritten_time
        batcher.add(frame, cursor=self._sequence.seq, digest=digest, event_time=self._time_to_write())

    def _time_to_write(self) -> str | None:
        """The event time to write, if any.

        None while there may be a gap: the gap is measured from the event time before it, maybe on the next connection.
        """
        if self._gap_detector.may_have_gap:
            return None
        event_time, self._unwritten_time = self._unwritten_time, None
        return event_time

    def _report_strays(self) -> None:
        strays, self._sequence.strays = self._sequence.strays, []
        self._report_stray(f"seq {', '.join(map(str, strays))} far above {self._sequence.seq}")

    def _report_stray(self, what: str) -> None:
        self._report.error(
            "StrayFrame",
            f"{self._report.source} sent {what}, where its sequence continues",
            suffix=" (stored anyway)",
        )

    def _moved_back(self, frame: DecodedFrame) -> Exception:
        """The error if the source continues far below the cursor. Nothing of these frames is stored.

        If most of the frames are later than all earlier ones, they are new events with old seqs, and this is certain.
        Otherwise the source may have repeated old events: one name can have several servers, and one of them may be
        late. Then some more connections are tried first.
        """
        times = sorted(one.time or "" for one in (*self._held_frames.frames, frame))
        self._held_frames.take_all()
        newest = self._time.text
        certain = newest is not None and times[len(times) // 2] > newest
        message = f"{self._report.source} sent seq {frame.seq} after {self._sequence.seq}: {_OTHER_SEQUENCE}"
        return self._misfit("SequenceMovedBack", message, certain=certain)

    def _misfit(self, reason: str, message: str, *, certain: bool = False) -> Exception:
        """The error of a sequence that does not fit the cursor."""
        first = (self._sequence.seq or 0) + 1
        gap = Gap(first=first, since=self._gap_detector.resume_point.event_time, reason=reason)
        return self._misfits.error(message, gap, certain=certain)

    def _check_for_gap(self) -> None:
        """Report a gap, once it is known where the source continues. CursorLostError if the connection must end."""
        if (
            self._gap_detector.is_finished
            or self._gap_detector.first_new is None
            or self._sequence.seq in {None, self._start_position}
        ):
            return
        gap, open_gap = self._gap_detector.finish(), self._open_gap
        seq, time = self._gap_detector.first_new
        if gap is not None and gap.first is not None:
            missing = f"seq {gap.first} to {seq - 1}, after {gap.since or 'an unknown time'}, before {time or 'now'}"
            message = f"{self._outdated_message(gap.first - 1)}: {missing}"
            if self.on_lost in {OnCursorLost.HALT, OnCursorLost.LIVE}:
                self._held_frames.take_all()
                raise CursorLostError(message, gap)
            self._report.error(gap.reason, f"{message}, is missing; continuing with seq {seq}")
            self._writer.add_health_fields(
                gap.opening_fields(now=self._now()) | gap.closing_fields(seq=seq, time=time or self._now())
            )
        elif open_gap is not None:
            self._writer.add_health_fields(open_gap.closing_fields(seq=seq, time=time or self._now()))

    def _outdated_message(self, seq: int | str | None) -> str:
        return f"{self._report.source} no longer has the events after cursor {seq}"

    def exception_for(self, frame: ErrorFrame) -> Exception:
        """The error for an error frame of the source."""
        text = f": {frame.message[:200]}" if frame.message else ""
        if frame.error == "FutureCursor":
            message = f"cursor {self._connect_cursor} is in the future of {self._report.source}: {_OTHER_SEQUENCE}"
            if self.on_lost in {None, OnCursorLost.HALT}:
                return HaltError("FutureCursor", f"{message}; {self.remedy()}")
            return self._misfit("FutureCursor", message)
        kind = frame.error if frame.error == "ConsumerTooSlow" else "ErrorFrame"
        return SourceError(
            SourceFailure(kind, f"{self._report.source} ended the stream with {frame.error[:100]!r}{text}")
        )

    def handle_info(self, info: InfoMessage) -> None:
        """Handle an info message of the source. CursorLostError if the connection must end."""
        if info.name == "OutdatedCursor":
            self._gap_detector.is_announced = True
            gap = self._gap_detector.possible_gap()
            if gap is not None and self.on_lost in {OnCursorLost.HALT, OnCursorLost.LIVE}:
                raise CursorLostError(self._outdated_message(self._connect_cursor), gap)
            if gap is not None:
                self._report.warn(
                    f"{self._outdated_message(self._connect_cursor)}: continuing with the oldest that it has"
                )
        else:
            self._report.warn(f"{self._report.source} says {info.name[:100]!r}: {(info.message or '')[:200]}")

    def remedy(self) -> str:
        """What a person can do about a cursor that does not fit."""
        where = self._start_from if isinstance(self._start_from, str) else f"seq {self._start_from}"
        return (
            f"nothing of it was stored or dropped; SET {self._cursor_key} to a seq of this source, "
            f"or DEL it to begin at {START_FROM.variable} ({where}): the ingester follows within seconds; "
            "spec.cursor of the resource does the same, spec.onCursorLost decides beforehand"
        )

    def _now(self) -> str:
        return format_time(self._clock.now())
