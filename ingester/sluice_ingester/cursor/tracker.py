"""What each message of a source means for the cursor, over one connection and from one to the next.

The rules are in `sequence`, `eventtime` and `lost`; here they meet what a person has chosen, and become words.
"""

import time
from typing import Final

from sluice_ingester.cursor import start
from sluice_ingester.cursor.event_time import EventTime
from sluice_ingester.cursor.gap import NO_CURSOR, Arrival, Loss, OnLost
from sluice_ingester.cursor.held_frames import Held
from sluice_ingester.cursor.sequence import Sequence, Verdict
from sluice_ingester.pipeline.batch_writer import Writer
from sluice_ingester.pipeline.batcher import Intake
from sluice_ingester.sources.failure import Failure, SourceError
from sluice_ingester.telemetry.health_report import Report
from sluice_redis.contract import Memory
from sluice_redis.sink.append import timestamp
from sluice_wire.events import Decoded, ErrorFrame, Info

CONFIRMATIONS: Final = 4
"""So many connections in a row must move back before it is believed without proof: see `Course._moved_back`."""

_OTHER_SEQUENCE: Final = "its sequence began anew, or the cursor belongs to another one"


class HaltError(Exception):
    """It can't go on until a person acts: `reason` is CamelCase, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CursorLostError(Exception):
    """The source can't go on from the stored cursor; `loss` is what that costs, in the word for it."""

    def __init__(self, message: str, loss: Loss) -> None:
        super().__init__(message)
        self.loss = loss


class Course:
    """The way of one source through its sequence. `begin` every connection with it.

    `taken` counts the frames that have come, of all connections.
    """

    def __init__(
        self,
        *,
        report: Report,
        writer: Writer,
        cursor_key: str,
        start_from: start.StartFrom,
        on_lost: OnLost | None,
        counter: str,
        forgets: bool,
    ) -> None:
        """`counter` is the metric of frames received; `forgets`: see `lost`."""
        self.on_lost = on_lost
        self.taken = 0
        self._report = report
        self._writer = writer
        self._cursor_key = cursor_key
        self._start_from = start_from
        self._counter = counter
        self._forgets = forgets
        self._misfits = 0
        self._sequence = Sequence(None)
        self._time = EventTime()
        self._untold: str | None = None
        self._held = Held()
        self._arrival = Arrival(writer.place, None)
        self._open: Loss | None = None
        self._begun: int | None = None
        self._cursor: str | None = None

    def begin(self, stored: bytes | None) -> str | None:
        """The cursor to connect with, where `stored` stands in Redis. HaltError if it is none."""
        try:
            begin = start.begin(stored, self._start_from)
        except start.CursorUnreadableError as error:
            raise HaltError(
                "CursorUnreadable",
                f"the cursor at {self._cursor_key} is not usable: {error}; {self.remedy()}",
            ) from None
        place = self._writer.place
        frames = place.frames
        blind = frames.blind if frames.written else begin.position
        self._begun = begin.position
        self._sequence = Sequence(begin.position, known=frames.digests, blind=blind)
        self._time = EventTime(place.time, told=place.told)
        self._untold = None
        self._held = Held()
        self._arrival = Arrival(place, begin.position, forgets=self._forgets)
        self._open = place.open
        self._cursor = begin.cursor
        return begin.cursor

    async def connected(self) -> None:
        """A connection is open. Without a cursor that is written down, for as long as it takes.

        The source can't be asked for what it says between two such connections, so the second one opens a
        loss. One that is open already goes on.
        """
        place = self._arrival.place
        if self._cursor is not None or self._open is not None:
            return
        if not place.live_since:
            await self._writer.tell({Memory.LIVE_SINCE: timestamp()})
            return
        since = self._report.disconnected_at or place.live_since
        self._open = Loss(first=None, since=since, reason=NO_CURSOR)
        self._report.error(
            NO_CURSOR,
            f"what {self._report.source} sent after {since} may be missing: the connection had ended, and before the "
            "first event there is no cursor to ask with",
        )
        await self._writer.tell(self._open.opened(now=timestamp()))

    def take(self, frame: Decoded, digest: bytes, intake: Intake) -> None:
        """Put what is to be stored into `intake`. SourceError or CursorLostError if the source can't be read on."""
        self._report.metrics.count(self._counter)
        self.taken += 1
        if frame.seq is None:
            self._store(frame, None, intake)
            return
        before = self._sequence.seq
        match self._sequence.judge(frame.seq, digest):
            case Verdict.NEW:
                self._take_new(frame, frame.seq, digest, intake)
            case Verdict.REPEAT:
                self._take_repeat(frame, frame.seq, before, intake)
            case Verdict.LOW if self._held.has_room(frame):
                self._held.add(frame, digest, low=True)
            case Verdict.LOW:
                self.release(intake)
                self._store(frame, digest, intake)
            case Verdict.MOVED_BACK:
                raise self._moved_back(frame)
        if self._sequence.strays:
            self._tell_strays()

    def _take_new(self, frame: Decoded, seq: int, digest: bytes, intake: Intake) -> None:
        self._misfits = 0
        if not self._arrival.over:
            self._arrival.saw(seq, frame.time)
            self._judge_arrival()
            chooses = self.on_lost in {OnLost.HALT, OnLost.LIVE}
            if chooses and self._arrival.in_doubt and self._held.has_room(frame):
                self._held.add(frame, digest)
                return
        if self._held:
            self.release(intake)
        self._store(frame, digest, intake)

    def _take_repeat(self, frame: Decoded, seq: int, before: int | None, intake: Intake) -> None:
        self._report.metrics.repeats.labels(self._report.source).inc()
        if self._begun is not None and seq <= self._begun:
            self._arrival.repeated()
        elif not self._arrival.over:
            self._arrival.saw(seq, frame.time)
        if self._held and not self._sequence.low:
            self.release(intake)
        if self._sequence.seq != before:
            self._judge_arrival()
            intake.mark(cursor=self._sequence.seq)

    def settle(self, intake: Intake) -> None:
        """The source has said nothing for a while. CursorLostError if it must not be read on."""
        before = self._sequence.seq
        self._sequence.settle(leap=self._arrival.announced and not self._arrival.over)
        self._judge_arrival()
        self._untold = self._time.settle(now=time.time()) or self._untold
        moved = self._tell_time()
        if self._sequence.seq != before or moved is not None:
            if self._held and not self._sequence.low:
                self.release(intake)
            intake.mark(cursor=self._sequence.seq, time=moved)
        if self._held.are_old:
            self.release(intake)

    def end(self, intake: Intake) -> None:
        """The source has ended the connection. CursorLostError if it must not be read on."""
        before = self._sequence.seq
        self._sequence.end()
        if self._sequence.seq != before:
            self._judge_arrival()
            intake.mark(cursor=self._sequence.seq)

    def release(self, intake: Intake) -> None:
        """Store the frames that were held back, in the order in which they came."""
        if self._held.low:
            self._tell(f"seq {self._held.seqs} far below {self._sequence.seq}")
        for frame, digest in self._held.empty():
            self._store(frame, digest, intake)

    def _store(self, frame: Decoded, digest: bytes | None, intake: Intake) -> None:
        self._untold = self._time.take(frame.time, now=time.time()) or self._untold
        intake.add(frame, cursor=self._sequence.seq, digest=digest, time=self._tell_time())

    def _tell_time(self) -> str | None:
        """How far the events have come, if that is to be written.

        Not while something may be missing before them: it is judged by the time of what stood there before, and
        perhaps on the next connection.
        """
        if self._arrival.in_doubt:
            return None
        told, self._untold = self._untold, None
        return told

    def _tell_strays(self) -> None:
        strays, self._sequence.strays = self._sequence.strays, []
        self._tell(f"seq {', '.join(map(str, strays))} far above {self._sequence.seq}")

    def _tell(self, what: str) -> None:
        self._report.error(
            "StrayFrame",
            f"{self._report.source} sent {what}, where its sequence goes on",
            then=" (stored all the same)",
        )

    def _moved_back(self, frame: Decoded) -> Exception:
        """The source goes on far below the cursor.

        At once, if most of its frames are later than all before: they are new events under old seqs. If not,
        old events came again: behind one name there can be several servers, one of them a moment late, and so
        some more connections are tried before. Nothing of them is stored: two sequences would stand under one
        cursor.
        """
        times = sorted(told.time or "" for told in (*self._held.frames, frame))
        self._held.empty()
        newest = self._time.text
        certain = newest is not None and times[len(times) // 2] > newest
        message = f"{self._report.source} sent seq {frame.seq} after {self._sequence.seq}: {_OTHER_SEQUENCE}"
        return self._misfit("SequenceMovedBack", message, after=self._sequence.seq, certain=certain)

    def _misfit(self, reason: str, message: str, *, after: int | None, certain: bool = False) -> Exception:
        """A sequence that does not fit the cursor: to be tried again, until it is believed."""
        self._misfits += 1
        if self._misfits < CONFIRMATIONS and not certain:
            return SourceError(Failure(reason, message))
        self._misfits = 0
        return CursorLostError(message, Loss(first=(after or 0) + 1, since=self._arrival.place.time, reason=reason))

    def _judge_arrival(self) -> None:
        """Once the source is known to go on: tell what is missing. CursorLostError if it must not be taken."""
        if self._arrival.over or self._arrival.first is None or self._sequence.seq in {None, self._begun}:
            return
        loss, opened = self._arrival.arrive(), self._open
        seq, told = self._arrival.first
        if loss is not None and loss.first is not None:
            gap = f"seq {loss.first} to {seq - 1}, after {loss.since or 'an unknown time'}, before {told or 'now'}"
            message = f"{self._outdated(loss.first - 1)}: {gap}"
            if self.on_lost in {OnLost.HALT, OnLost.LIVE}:
                self._held.empty()
                raise CursorLostError(message, loss)
            self._report.error(loss.reason, f"{message}, is missing; going on from seq {seq}")
            self._writer.note(loss.opened(now=timestamp()) | loss.closed(seq=seq, time=told or timestamp()))
        elif opened is not None:
            self._writer.note(opened.closed(seq=seq, time=told or timestamp()))

    def _outdated(self, seq: int | str | None) -> str:
        return f"{self._report.source} no longer has what came after cursor {seq}"

    def refusal(self, frame: ErrorFrame) -> Exception:
        """What the source's last word means."""
        text = f": {frame.message[:200]}" if frame.message else ""
        if frame.error == "FutureCursor":
            message = f"cursor {self._cursor} is in the future of {self._report.source}: {_OTHER_SEQUENCE}"
            if self.on_lost in {None, OnLost.HALT}:
                return HaltError("FutureCursor", f"{message}; {self.remedy()}")
            return self._misfit("FutureCursor", message, after=self._sequence.seq)
        kind = frame.error if frame.error == "ConsumerTooSlow" else "ErrorFrame"
        return SourceError(Failure(kind, f"{self._report.source} ended the stream with {frame.error[:100]!r}{text}"))

    def inform(self, info: Info) -> None:
        """Take a notice of the source. CursorLostError if it must not be read on."""
        if info.name == "OutdatedCursor":
            self._arrival.announced = True
            loss = self._arrival.loss()
            if loss is not None and self.on_lost in {OnLost.HALT, OnLost.LIVE}:
                raise CursorLostError(self._outdated(self._cursor), loss)
            if loss is not None:
                self._report.note(f"{self._outdated(self._cursor)}: going on from the oldest that it has")
        else:
            self._report.note(f"{self._report.source} says {info.name[:100]!r}: {(info.message or '')[:200]}")

    def remedy(self) -> str:
        """What a person can do about a cursor that does not fit."""
        where = self._start_from if isinstance(self._start_from, str) else f"seq {self._start_from}"
        return (
            f"nothing of it was stored or dropped; SET {self._cursor_key} to a seq of this source, "
            f"or DEL it to begin at INGESTER_START_FROM ({where}): the ingester follows within seconds; "
            "spec.cursor of the resource does the same, spec.onCursorLost decides beforehand"
        )
