"""The frame reader: it reads the frames of one connection, and has them handled.

It is not compiled: a compiled coroutine of mypyc can't be cancelled safely while it closes a connection.
"""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.pipeline.frame_handler import Decoder, FrameHandler
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.telemetry.health_report import HealthReport

MAX_BLOCKED_SECONDS: Final = 10.0
"""A connection that is not read for this long is closed, before the source closes it."""

SILENCE_SECONDS: Final = 2.0
"""If a source sends nothing for this long after the connection opened, it is quiet and has accepted the cursor."""


class Frames(Protocol):
    """The frames of an open connection."""

    async def __anext__(self) -> deque[bytes]:
        """The frames that have arrived since the last call: at least one. The reader empties it. SourceError."""

    def pause(self) -> None:
        """Read nothing from the socket until the next call of `__anext__`."""


class FrameSource(Protocol):
    """An event stream that can be opened many times. `Subscription` implements it."""

    def open(self, *, cursor: str | None) -> AbstractAsyncContextManager[Frames]:
        """Connect, and return the frames from `cursor` on. SourceError if that fails, or when they end."""


class SinkBlockedError(Exception):
    """The connection is given up, because Redis has stored nothing for too long."""


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
        self._report = report
        self._cursor_tracker = cursor_tracker
        self._handler = FrameHandler(decoder=decoder, report=report, cursor_tracker=cursor_tracker, clock=clock)
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
            try:
                await self._read_frames(frames, batcher, streaming_if_quiet)
            except SourceError:
                self._cursor_tracker.handle_disconnect(batcher)
                raise
            finally:
                streaming_if_quiet.cancel()
                self._cursor_tracker.release_held_frames(batcher)
                self._report.disconnected()

    async def _read_frames(self, frames: Frames, batcher: Batcher, streaming_if_quiet: "asyncio.Task[None]") -> None:
        is_streaming = False
        while True:
            await _wait_for_room(batcher, frames)
            arrived = await frames.__anext__()
            while arrived:
                await _wait_for_room(batcher, frames)
                self._handler.handle(arrived, batcher)
                if arrived and batcher.has_room:
                    await asyncio.sleep(0)
            if not is_streaming:
                is_streaming = True
                streaming_if_quiet.cancel()
                self._report.streaming()

    async def _streaming_if_quiet(self) -> None:
        await self._clock.sleep(SILENCE_SECONDS)
        self._report.streaming()


async def _wait_for_room(batcher: Batcher, frames: Frames) -> None:
    """SinkBlockedError if there is none for too long. Meanwhile the kernel's buffers hold what the source sends."""
    if not batcher.has_room:
        frames.pause()
        if not await batcher.wait_for_room(seconds=MAX_BLOCKED_SECONDS):
            raise SinkBlockedError
