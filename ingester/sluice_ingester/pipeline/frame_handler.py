"""The frame handler: it decodes the frames of a source, and gives them to the cursor tracker."""

from collections import deque
from datetime import datetime
from typing import Final, Protocol

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.fingerprint import fingerprint

FRAMES_PER_TURN: Final = 256
"""How many frames are handled before other tasks run: at most a few milliseconds, unless the frames are large."""


class Decoder(Protocol):
    """Decodes the bytes of a frame. Never raises."""

    def decode(self, data: bytes, *, received: datetime) -> DecodedFrame | InfoMessage | ErrorFrame: ...  # noqa: D102


class FrameHandler:
    """Handles the frames of one source. The `cursor_tracker` decides what they mean for the cursor."""

    def __init__(
        self, *, decoder: Decoder, report: HealthReport, cursor_tracker: CursorTracker, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._decoder = decoder
        self._report = report
        self._cursor_tracker = cursor_tracker
        self._clock = clock

    def handle(self, arrived: deque[bytes], batcher: Batcher) -> None:
        """Handle frames until there is no room, none is left, or other tasks should run.

        Raises SourceError, CursorLostError or HaltError if the connection must end.
        """
        now, before = self._clock.now(), len(arrived)
        received = now.timestamp()
        decode, tracker = self._decoder.decode, self._cursor_tracker
        left = FRAMES_PER_TURN
        try:
            while arrived and left and batcher.has_room:
                left -= 1
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
