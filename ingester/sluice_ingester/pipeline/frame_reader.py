"""The reader: frames of one connection after the other, decoded, judged by their seq, put together."""

import asyncio
from datetime import UTC, datetime
from typing import Final, Protocol

from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.pipeline.batcher import Batcher
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.fingerprint import fingerprint

MAX_BLOCKED_SECONDS: Final = 10.0
"""A connection that is not read for so long is closed, before the other side does it."""

SILENCE_SECONDS: Final = 2.0
"""A source that has said nothing for so long after a connection was opened takes the cursor: it is quiet."""


class Decoder(Protocol):
    """Bytes of a frame to what they say; never raises."""

    def decode(self, data: bytes, *, received: datetime) -> DecodedFrame | InfoMessage | ErrorFrame: ...  # noqa: D102


class SinkBlockedError(Exception):
    """Redis took nothing for so long, or is so set, that the connection is given up until that is over."""


class FrameReader:
    """Reads one source; `course` says what its messages mean for the cursor."""

    def __init__(
        self, *, subscription: Subscription, decoder: Decoder, report: HealthReport, cursor_tracker: CursorTracker
    ) -> None:
        self._subscription = subscription
        self._decoder = decoder
        self._report = report
        self._cursor_tracker = cursor_tracker

    async def read(self, cursor: str | None, batcher: Batcher) -> None:
        """Open a connection from that cursor on and put its frames into `intake`; never returns.

        Raises SourceError when the source fails, CursorLostError when it can't go on from the cursor,
        HaltError when a person is needed, PatienceError.
        """
        self._report.connecting()
        async with self._subscription.open(cursor=cursor) as frames:
            self._report.connected_from(cursor)
            await self._cursor_tracker.connected()
            # It doesn't stream before the first frame is taken, which may say that the cursor is none of its own.
            quiet = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._report.streaming)
            try:
                while True:
                    if not batcher.has_room:
                        await _wait_for_room(batcher)
                    # Without names for the frame and its message: large ones go before the next comes.
                    self._handle_frame(await anext(frames), batcher)
                    if not quiet.cancelled():
                        quiet.cancel()
                        self._report.streaming()
            except SourceError:
                self._cursor_tracker.handle_disconnect(batcher)
                raise
            finally:
                quiet.cancel()
                self._cursor_tracker.release_held_frames(batcher)
                self._report.disconnected()

    def _handle_frame(self, data: bytes, batcher: Batcher) -> None:
        message = self._decoder.decode(data, received=datetime.now(UTC))
        if isinstance(message, DecodedFrame):
            self._cursor_tracker.handle_frame(message, fingerprint(data), batcher)
        elif isinstance(message, ErrorFrame):
            raise self._cursor_tracker.exception_for(message)
        else:
            self._cursor_tracker.handle_info(message)


async def _wait_for_room(batcher: Batcher) -> None:
    try:
        async with asyncio.timeout(MAX_BLOCKED_SECONDS):
            await batcher.wait_for_room()
    except TimeoutError:
        raise SinkBlockedError from None
