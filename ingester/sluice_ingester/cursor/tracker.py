"""What each message of a source means for the cursor, over one connection and from one to the next.

The rules are in `sequence`, `eventtime` and `lost`; here they meet what a person has chosen, and become words.
"""

import time
from typing import Final

from sluice_ingester.cursor import start
from sluice_ingester.cursor.event_time import EventTime
from sluice_ingester.cursor.gap import NO_CURSOR, Gap, GapDetector, OnCursorLost
from sluice_ingester.cursor.held_frames import HeldFrames
from sluice_ingester.cursor.sequence import FrameClass, SequenceTracker
from sluice_ingester.pipeline.batch_writer import BatchWriter
from sluice_ingester.pipeline.batcher import Batcher
from sluice_ingester.sources.failure import SourceError, SourceFailure
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_redis.contract import ResumeField
from sluice_redis.sink.append import timestamp
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage

CONFIRMING_CONNECTIONS: Final = 4
"""So many connections in a row must move back before it is believed without proof: see `Course._moved_back`."""

_OTHER_SEQUENCE: Final = "its sequence began anew, or the cursor belongs to another one"


class HaltError(Exception):
    """It can't go on until a person acts: `reason` is CamelCase, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CursorLostError(Exception):
    """The source can't go on from the stored cursor; `loss` is what that costs, in the word for it."""

    def __init__(self, message: str, gap: Gap) -> None:
        super().__init__(message)
        self.gap = gap


class CursorTracker:
    """The way of one source through its sequence. `begin` every connection with it.

    `taken` counts the frames that have come, of all connections.
    """

    def __init__(
        self,
        *,
        report: HealthReport,
        writer: BatchWriter,
        cursor_key: str,
        start_from: start.StartFrom,
        on_lost: OnCursorLost | None,
        frames_metric: str,
        drops_old_events: bool,
    ) -> None:
        """`counter` is the metric of frames received; `forgets`: see `lost`."""
        self.on_lost = on_lost
        self.frames_received = 0
        self._report = report
        self._writer = writer
        self._cursor_key = cursor_key
        self._start_from = start_from
        self._frames_metric = frames_metric
        self._drops_old_events = drops_old_events
        self._misfits = 0
        self._sequence = SequenceTracker(None)
        self._time = EventTime()
        self._unwritten_time: str | None = None
        self._held_frames = HeldFrames()
        self._gap_detector = GapDetector(writer.resume_point, None)
        self._open_gap: Gap | None = None
        self._start_position: int | None = None
        self._connect_cursor: str | None = None

    def start_connection(self, stored: bytes | None) -> str | None:
        """The cursor to connect with, where `stored` stands in Redis. HaltError if it is none."""
        try:
            begin = start.start_from_stored(stored, self._start_from)
        except start.CursorUnreadableError as error:
            raise HaltError(
                "CursorUnreadable",
                f"the cursor at {self._cursor_key} is not usable: {error}; {self.remedy()}",
            ) from None
        place = self._writer.resume_point
        frames = place.frame_digests
        blind = frames.undigested_until if frames.is_stored else begin.position
        self._start_position = begin.position
        self._sequence = SequenceTracker(begin.position, known_digests=frames.digests, undigested_until=blind)
        self._time = EventTime(place.event_time, noted_at=place.event_time_noted_at)
        self._unwritten_time = None
        self._held_frames = HeldFrames()
        self._gap_detector = GapDetector(place, begin.position, drops_old_events=self._drops_old_events)
        self._open_gap = place.open_gap
        self._connect_cursor = begin.cursor
        return begin.cursor

    async def connected(self) -> None:
        """A connection is open. Without a cursor that is written down, for as long as it takes.

        The source can't be asked for what it says between two such connections, so the second one opens a
        loss. One that is open already goes on.
        """
        place = self._gap_detector.resume_point
        if self._connect_cursor is not None or self._open_gap is not None:
            return
        if not place.live_since:
            await self._writer.write_health({ResumeField.LIVE_SINCE: timestamp()})
            return
        since = self._report.disconnected_at or place.live_since
        self._open_gap = Gap(first=None, since=since, reason=NO_CURSOR)
        self._report.error(
            NO_CURSOR,
            f"what {self._report.source} sent after {since} may be missing: the connection had ended, and before the "
            "first event there is no cursor to ask with",
        )
        await self._writer.write_health(self._open_gap.opening_fields(now=timestamp()))

    def handle_frame(self, frame: DecodedFrame, digest: bytes, batcher: Batcher) -> None:
        """Put what is to be stored into `intake`. SourceError or CursorLostError if the source can't be read on."""
        self._report.metrics.increment(self._frames_metric)
        self.frames_received += 1
        if frame.seq is None:
            self._add_to_batch(frame, None, batcher)
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

    def _handle_new(self, frame: DecodedFrame, seq: int, digest: bytes, batcher: Batcher) -> None:
        self._misfits = 0
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
        """The source has said nothing for a while. CursorLostError if it must not be read on."""
        before = self._sequence.seq
        self._sequence.handle_silence(allow_leap=self._gap_detector.is_announced and not self._gap_detector.is_finished)
        self._check_for_gap()
        self._unwritten_time = self._time.handle_silence(now=time.time()) or self._unwritten_time
        moved = self._time_to_write()
        if self._sequence.seq != before or moved is not None:
            if self._held_frames and not self._sequence.low_in_a_row:
                self.release_held_frames(batcher)
            batcher.advance(cursor=self._sequence.seq, event_time=moved)
        if self._held_frames.are_expired:
            self.release_held_frames(batcher)

    def handle_disconnect(self, batcher: Batcher) -> None:
        """The source has ended the connection. CursorLostError if it must not be read on."""
        before = self._sequence.seq
        self._sequence.handle_disconnect()
        if self._sequence.seq != before:
            self._check_for_gap()
            batcher.advance(cursor=self._sequence.seq)

    def release_held_frames(self, batcher: Batcher) -> None:
        """Store the frames that were held back, in the order in which they came."""
        if self._held_frames.has_low_frames:
            self._report_stray(f"seq {self._held_frames.seqs} far below {self._sequence.seq}")
        for frame, digest in self._held_frames.take_all():
            self._add_to_batch(frame, digest, batcher)

    def _add_to_batch(self, frame: DecodedFrame, digest: bytes | None, batcher: Batcher) -> None:
        self._unwritten_time = self._time.update(frame.time, now=time.time()) or self._unwritten_time
        batcher.add(frame, cursor=self._sequence.seq, digest=digest, event_time=self._time_to_write())

    def _time_to_write(self) -> str | None:
        """How far the events have come, if that is to be written.

        Not while something may be missing before them: it is judged by the time of what stood there before, and
        perhaps on the next connection.
        """
        if self._gap_detector.may_have_gap:
            return None
        told, self._unwritten_time = self._unwritten_time, None
        return told

    def _report_strays(self) -> None:
        strays, self._sequence.strays = self._sequence.strays, []
        self._report_stray(f"seq {', '.join(map(str, strays))} far above {self._sequence.seq}")

    def _report_stray(self, what: str) -> None:
        self._report.error(
            "StrayFrame",
            f"{self._report.source} sent {what}, where its sequence goes on",
            suffix=" (stored all the same)",
        )

    def _moved_back(self, frame: DecodedFrame) -> Exception:
        """The source goes on far below the cursor.

        At once, if most of its frames are later than all before: they are new events under old seqs. If not,
        old events came again: behind one name there can be several servers, one of them a moment late, and so
        some more connections are tried before. Nothing of them is stored: two sequences would stand under one
        cursor.
        """
        times = sorted(told.time or "" for told in (*self._held_frames.frames, frame))
        self._held_frames.take_all()
        newest = self._time.text
        certain = newest is not None and times[len(times) // 2] > newest
        message = f"{self._report.source} sent seq {frame.seq} after {self._sequence.seq}: {_OTHER_SEQUENCE}"
        return self._misfit("SequenceMovedBack", message, after=self._sequence.seq, certain=certain)

    def _misfit(self, reason: str, message: str, *, after: int | None, certain: bool = False) -> Exception:
        """A sequence that does not fit the cursor: to be tried again, until it is believed."""
        self._misfits += 1
        if self._misfits < CONFIRMING_CONNECTIONS and not certain:
            return SourceError(SourceFailure(reason, message))
        self._misfits = 0
        return CursorLostError(
            message, Gap(first=(after or 0) + 1, since=self._gap_detector.resume_point.event_time, reason=reason)
        )

    def _check_for_gap(self) -> None:
        """Once the source is known to go on: tell what is missing. CursorLostError if it must not be taken."""
        if (
            self._gap_detector.is_finished
            or self._gap_detector.first_new is None
            or self._sequence.seq in {None, self._start_position}
        ):
            return
        loss, opened = self._gap_detector.finish(), self._open_gap
        seq, told = self._gap_detector.first_new
        if loss is not None and loss.first is not None:
            gap = f"seq {loss.first} to {seq - 1}, after {loss.since or 'an unknown time'}, before {told or 'now'}"
            message = f"{self._outdated_message(loss.first - 1)}: {gap}"
            if self.on_lost in {OnCursorLost.HALT, OnCursorLost.LIVE}:
                self._held_frames.take_all()
                raise CursorLostError(message, loss)
            self._report.error(loss.reason, f"{message}, is missing; going on from seq {seq}")
            self._writer.add_health_fields(
                loss.opening_fields(now=timestamp()) | loss.closing_fields(seq=seq, time=told or timestamp())
            )
        elif opened is not None:
            self._writer.add_health_fields(opened.closing_fields(seq=seq, time=told or timestamp()))

    def _outdated_message(self, seq: int | str | None) -> str:
        return f"{self._report.source} no longer has what came after cursor {seq}"

    def exception_for(self, frame: ErrorFrame) -> Exception:
        """What the source's last word means."""
        text = f": {frame.message[:200]}" if frame.message else ""
        if frame.error == "FutureCursor":
            message = f"cursor {self._connect_cursor} is in the future of {self._report.source}: {_OTHER_SEQUENCE}"
            if self.on_lost in {None, OnCursorLost.HALT}:
                return HaltError("FutureCursor", f"{message}; {self.remedy()}")
            return self._misfit("FutureCursor", message, after=self._sequence.seq)
        kind = frame.error if frame.error == "ConsumerTooSlow" else "ErrorFrame"
        return SourceError(
            SourceFailure(kind, f"{self._report.source} ended the stream with {frame.error[:100]!r}{text}")
        )

    def handle_info(self, info: InfoMessage) -> None:
        """Take a notice of the source. CursorLostError if it must not be read on."""
        if info.name == "OutdatedCursor":
            self._gap_detector.is_announced = True
            loss = self._gap_detector.possible_gap()
            if loss is not None and self.on_lost in {OnCursorLost.HALT, OnCursorLost.LIVE}:
                raise CursorLostError(self._outdated_message(self._connect_cursor), loss)
            if loss is not None:
                self._report.warn(
                    f"{self._outdated_message(self._connect_cursor)}: going on from the oldest that it has"
                )
        else:
            self._report.warn(f"{self._report.source} says {info.name[:100]!r}: {(info.message or '')[:200]}")

    def remedy(self) -> str:
        """What a person can do about a cursor that does not fit."""
        where = self._start_from if isinstance(self._start_from, str) else f"seq {self._start_from}"
        return (
            f"nothing of it was stored or dropped; SET {self._cursor_key} to a seq of this source, "
            f"or DEL it to begin at INGESTER_START_FROM ({where}): the ingester follows within seconds; "
            "spec.cursor of the resource does the same, spec.onCursorLost decides beforehand"
        )
