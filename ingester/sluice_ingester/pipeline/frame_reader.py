"""The frame reader: it reads the frames of one connection, decodes them, and gives them to the cursor tracker."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, Protocol

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.fingerprint import fingerprint

MAX_BLOCKED_SECONDS: Final = 10.0
"""A connection that is not read for this long is closed, before the source closes it."""

SILENCE_SECONDS: Final = 2.0
"""If a source sends nothing for this long after the connection opened, it is quiet and has accepted the cursor."""


class Decoder(Protocol):
    """Decodes the bytes of a frame. Never raises."""

    def decode(self, data: bytes, *, received: datetime) -> DecodedFrame | InfoMessage | ErrorFrame: ...  # noqa: D102


class FrameSource(Protocol):
    """An event stream that can be opened many times. `Subscription` implements it."""

    def open(self, *, cursor: str | None) -> AbstractAsyncContextManager[AsyncIterator[deque[bytes]]]:
        """Connect, and return the frames from `cursor` on. SourceError if that fails, or when they end.

        Each item has the frames that have arrived since the last one: at least one. The reader empties it.
        """


class SinkBlockedError(Exception):
    """The connection is given up, because Redis has stored nothing for too long, or may evict keys."""


class FrameReader:
    """Reads one source. The `cursor_tracker` decides what its frames mean for the cursor."""

    def __init__(
        self,
        *,
        subscription: FrameSource,
        decoder: Decoder,
        report: HealthReport,
        cursor_tracker: CursorTracker,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._subscription = subscription
        self._decoder = decoder
        self._report = report
        self._cursor_tracker = cursor_tracker
        self._clock = clock

    async def read(self, cursor: str | None, batcher: Batcher) -> None:
        """Connect with `cursor`, and put the frames into `batcher`. Never returns.

        Raises SourceError if the source fails, CursorLostError if it cannot continue from the cursor, HaltError if a
        person is needed, and SinkBlockedError.
        """
        self._report.connecting()
        async with self._subscription.open(cursor=cursor) as frames:
            self._report.connected_from(cursor)
            await self._cursor_tracker.connected()
            # It is not streaming before the first frame, which may be an error about the cursor.
            streaming_if_quiet = asyncio.create_task(self._streaming_if_quiet())
            is_streaming = False
            try:
                while True:
                    await _wait_for_room(batcher)
                    arrived = await anext(frames)
                    while arrived:
                        await _wait_for_room(batcher)
                        self._handle_frames(arrived, batcher)
                    if not is_streaming:
                        is_streaming = True
                        streaming_if_quiet.cancel()
                        self._report.streaming()
            except SourceError:
                self._cursor_tracker.handle_disconnect(batcher)
                raise
            finally:
                streaming_if_quiet.cancel()
                self._cursor_tracker.release_held_frames(batcher)
                self._report.disconnected()

    async def _streaming_if_quiet(self) -> None:
        await self._clock.sleep(SILENCE_SECONDS)
        self._report.streaming()

    def _handle_frames(self, arrived: deque[bytes], batcher: Batcher) -> None:
        """Handle frames until there is no room, or none is left."""
        now, before = self._clock.now(), len(arrived)
        received = now.timestamp()
        decode, tracker = self._decoder.decode, self._cursor_tracker
        try:
            while arrived and batcher.has_room:
                data = arrived.popleft()
                message = decode(data, received=now)
                if isinstance(message, DecodedFrame):
                    if message.unknown_type is not None:
                        self._report.unknown_message(message.unknown_type)
                    digest = message.fingerprint or fingerprint(data)
                    tracker.handle_frame(message, digest, batcher, received=received)
                else:
                    self._handle_other(message)
        finally:
            tracker.count_frames(before - len(arrived))

    def _handle_other(self, message: InfoMessage | ErrorFrame) -> None:
        if isinstance(message, ErrorFrame):
            raise self._cursor_tracker.exception_for(message)
        self._cursor_tracker.handle_info(message)


async def _wait_for_room(batcher: Batcher) -> None:
    """SinkBlockedError if there is none for too long."""
    if not batcher.has_room and not await batcher.wait_for_room(seconds=MAX_BLOCKED_SECONDS):
        raise SinkBlockedError
