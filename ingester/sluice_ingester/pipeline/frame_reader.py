"""The reader: frames of one connection after the other, decoded, judged by their seq, put together."""

import asyncio
from datetime import UTC, datetime
from typing import Final, Protocol

from sluice_ingester.cursor.tracker import Course
from sluice_ingester.pipeline.batcher import Intake
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.telemetry.health_report import Report
from sluice_wire.events import Decoded, ErrorFrame, Info
from sluice_wire.fingerprint import fingerprint

PATIENCE_SECONDS: Final = 10.0
"""A connection that is not read for so long is closed, before the other side does it."""

SILENCE_SECONDS: Final = 2.0
"""A source that has said nothing for so long after a connection was opened takes the cursor: it is quiet."""


class Decoder(Protocol):
    """Bytes of a frame to what they say; never raises."""

    def decode(self, data: bytes, *, received: datetime) -> Decoded | Info | ErrorFrame: ...  # noqa: D102


class PatienceError(Exception):
    """Redis took nothing for so long, or is so set, that the connection is given up until that is over."""


class Reader:
    """Reads one source; `course` says what its messages mean for the cursor."""

    def __init__(self, *, subscription: Subscription, decoder: Decoder, report: Report, course: Course) -> None:
        self._subscription = subscription
        self._decoder = decoder
        self._report = report
        self._course = course

    async def read(self, connect_with: str | None, intake: Intake) -> None:
        """Open a connection from that cursor on and put its frames into `intake`; never returns.

        Raises SourceError when the source fails, CursorLostError when it can't go on from the cursor,
        HaltError when a person is needed, PatienceError.
        """
        self._report.connecting()
        async with self._subscription.open(cursor=connect_with) as frames:
            self._report.connected_from(connect_with)
            await self._course.connected()
            # It doesn't stream before the first frame is taken, which may say that the cursor is none of its own.
            quiet = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._report.streaming)
            try:
                while True:
                    if not intake.has_room:
                        await _room(intake)
                    # Without names for the frame and its message: large ones go before the next comes.
                    self._take(await anext(frames), intake)
                    if not quiet.cancelled():
                        quiet.cancel()
                        self._report.streaming()
            except SourceError:
                self._course.end(intake)
                raise
            finally:
                quiet.cancel()
                self._course.release(intake)
                self._report.disconnected()

    def _take(self, data: bytes, intake: Intake) -> None:
        message = self._decoder.decode(data, received=datetime.now(UTC))
        if isinstance(message, Decoded):
            self._course.take(message, fingerprint(data), intake)
        elif isinstance(message, ErrorFrame):
            raise self._course.refusal(message)
        else:
            self._course.inform(message)


async def _room(intake: Intake) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await intake.room()
    except TimeoutError:
        raise PatienceError from None
