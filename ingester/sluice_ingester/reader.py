"""The reader: frames of one connection after the other, decoded, judged by their seq, put together."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

from sluice_ingester import cursor
from sluice_ingester.halt import Halts
from sluice_ingester.intake import Intake
from sluice_ingester.report import Report
from sluice_ingester.sources.failure import Failure, SourceError
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.wire.events import Decoded, ErrorFrame, Info

PATIENCE_SECONDS: Final = 10.0
"""A connection that is not read for so long is closed, before the other side does it."""
CONFIRMATIONS: Final = 4
"""So many connections in a row must move back before it is believed without proof: see `cursor`."""


class Decoder(Protocol):
    """Bytes of a frame to what they say; never raises."""

    def decode(self, data: bytes, *, received: datetime) -> Decoded | Info | ErrorFrame: ...  # noqa: D102


class PatienceError(Exception):
    """Redis took nothing for so long that the connection is given up until it does."""


class Reader:
    """Reads one source. `newest` gives the newest time of all frames that were read, None if unknown."""

    def __init__(
        self,
        *,
        subscription: Subscription,
        decoder: Decoder,
        report: Report,
        halts: Halts,
        newest: Callable[[], str | None],
    ) -> None:
        self._subscription = subscription
        self._decoder = decoder
        self._report = report
        self._halts = halts
        self._newest = newest
        self._moved_back = 0

    async def read(self, begin: cursor.Start, intake: Intake) -> None:
        """Open a connection and put its frames into `intake`; never returns.

        Raises SourceError when the source fails, HaltError when a person is needed, PatienceError.
        """
        self._report.connecting()
        position = cursor.Position(begin.position)
        async with self._subscription.open(cursor=begin.cursor) as frames:
            self._report.streaming(cursor=begin.cursor)
            try:
                while True:
                    if not intake.has_room:
                        await _room(intake)
                    # Without names for the frame and its message: large ones go before the next comes.
                    self._take(await anext(frames), position, begin, intake)
            finally:
                self._report.disconnected()

    def _take(self, data: bytes, position: cursor.Position, begin: cursor.Start, intake: Intake) -> None:
        message = self._decoder.decode(data, received=datetime.now(UTC))
        if isinstance(message, Decoded):
            if self._is_new(message, position):
                intake.add(message)
        elif isinstance(message, ErrorFrame):
            raise self._refusal(message, begin)
        else:
            self._inform(message, begin)

    def _is_new(self, frame: Decoded, position: cursor.Position) -> bool:
        self._report.metrics.count("firehose_events")
        if frame.seq is None:
            return True
        match position.judge(frame.seq):
            case cursor.Verdict.NEW:
                self._moved_back = 0
                return True
            case cursor.Verdict.REPEAT:
                self._report.metrics.repeats.labels(self._report.source).inc()
                return False
            case cursor.Verdict.MOVED_BACK:
                raise self._retreat(frame, position)

    def _retreat(self, frame: Decoded, position: cursor.Position) -> Exception:
        halt = self._halts.moved_back(seq=frame.seq, position=position.seq)
        self._moved_back += 1
        certain = cursor.is_later(frame.time, than=self._newest())
        if certain or self._moved_back >= CONFIRMATIONS:
            self._moved_back = 0
            return halt
        return SourceError(Failure(halt.reason, str(halt)))

    def _refusal(self, frame: ErrorFrame, begin: cursor.Start) -> Exception:
        if frame.error == "FutureCursor":
            return self._halts.future(begin.cursor)
        kind = frame.error if frame.error == "ConsumerTooSlow" else "ErrorFrame"
        more = f": {frame.message[:200]}" if frame.message else ""
        return SourceError(Failure(kind, f"{self._report.source} ended the stream with {frame.error[:100]!r}{more}"))

    def _inform(self, info: Info, begin: cursor.Start) -> None:
        if info.name != "OutdatedCursor":
            self._report.note(f"{self._report.source} says {info.name[:100]!r}: {(info.message or '')[:200]}")
        elif begin.position is not None:  # else it was asked for the oldest, and gives it
            self._report.error(
                info.name,
                f"{self._report.source} no longer has what came after cursor {begin.cursor}: "
                "going on from the oldest that it has",
            )


async def _room(intake: Intake) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await intake.room()
    except TimeoutError:
        raise PatienceError from None
