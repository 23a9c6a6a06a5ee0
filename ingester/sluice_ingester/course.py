"""What each message of a source means for the cursor, over one connection and from one to the next.

The rules are in `cursor` and `lost`; here they meet what a person has chosen, and become words.
"""

from typing import Final

from sluice_ingester import cursor
from sluice_ingester.lost import Arrival, Loss, OnLost
from sluice_ingester.report import Report
from sluice_ingester.sink.append import timestamp
from sluice_ingester.sources.failure import Failure, SourceError
from sluice_ingester.wire.events import Decoded, ErrorFrame, Info
from sluice_ingester.writer import Writer

CONFIRMATIONS: Final = 4
"""So many connections in a row must move back before it is believed without proof: see the module `cursor`."""

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
    """The way of one source through its sequence. `begin` every connection with it."""

    def __init__(
        self,
        *,
        report: Report,
        writer: Writer,
        cursor_key: str,
        start_from: cursor.StartFrom,
        on_lost: OnLost | None,
        counter: str,
        forgets: bool,
    ) -> None:
        """`counter` is the metric of frames received; `forgets`: see `lost`."""
        self.on_lost = on_lost
        self._report = report
        self._writer = writer
        self._cursor_key = cursor_key
        self._start_from = start_from
        self._counter = counter
        self._forgets = forgets
        self._misfits = 0
        self._position = cursor.Position(None)
        self._arrival = Arrival(writer.place, None)
        self._cursor: str | None = None
        self._newest = ""

    def begin(self, stored: bytes | None) -> str | None:
        """The cursor to connect with, where `stored` stands in Redis. HaltError if it is none."""
        try:
            begin = cursor.begin(stored, self._start_from)
        except cursor.CursorUnreadableError as error:
            raise HaltError(
                "CursorUnreadable",
                f"the cursor at {self._cursor_key} is not usable: {error}; {self.remedy()}",
            ) from None
        self._position = cursor.Position(begin.position)
        self._arrival = Arrival(self._writer.place, begin.position, forgets=self._forgets)
        self._cursor = begin.cursor
        return begin.cursor

    def is_new(self, frame: Decoded) -> bool:
        """Whether the frame is to be stored. SourceError or CursorLostError if the source can't be read on."""
        self._report.metrics.count(self._counter)
        if frame.seq is None:
            return True
        match self._position.judge(frame.seq):
            case cursor.Verdict.NEW:
                self._misfits = 0
                if not self._arrival.over:
                    self._arrive(frame.seq, frame.time)
                if frame.time is not None and frame.time > self._newest:
                    self._newest = frame.time
                return True
            case cursor.Verdict.REPEAT:
                self._arrival.repeated()
                self._report.metrics.repeats.labels(self._report.source).inc()
                return False
            case cursor.Verdict.MOVED_BACK:
                message = f"{self._report.source} sent seq {frame.seq} after {self._position.seq}: {_OTHER_SEQUENCE}"
                certain = cursor.is_later(frame.time, than=self._newest or None)
                raise self._misfit("SequenceMovedBack", message, after=self._position.seq, certain=certain)

    def _misfit(self, reason: str, message: str, *, after: int | None, certain: bool = False) -> Exception:
        """A sequence that does not fit the cursor: to be tried again, until it is believed."""
        self._misfits += 1
        if self._misfits < CONFIRMATIONS and not certain:
            return SourceError(Failure(reason, message))
        self._misfits = 0
        return CursorLostError(message, Loss(first=(after or 0) + 1, since=self._arrival.place.time, reason=reason))

    def _arrive(self, seq: int, told: str | None) -> None:
        """Tell what is missing before the first new frame; CursorLostError if it must not be taken."""
        loss, opened = self._arrival.arrive(seq, told), self._arrival.place.open
        if loss is not None:
            gap = f"seq {loss.first} to {seq - 1}, after {loss.since or 'an unknown time'}, before {told or 'now'}"
            message = f"{self._outdated(loss.first - 1)}: {gap}"
            if self.on_lost in {OnLost.HALT, OnLost.LIVE}:
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
            return self._misfit("FutureCursor", message, after=self._position.seq)
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
