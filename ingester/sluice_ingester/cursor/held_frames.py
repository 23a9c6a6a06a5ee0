"""Frames that are held back until the next frames show whether they are strays or a new sequence."""

from collections.abc import Sequence
from typing import Final

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_wire.events import DecodedFrame

MAX_HELD_SECONDS: Final = 10.0
"""If the source sends nothing for this long, the frames are stored."""
MAX_HELD_FRAMES: Final = 16
MAX_HELD_BYTES: Final = 1024 * 1024


class HeldFrames:
    """A few frames in the order of arrival, with their digests.

    `has_low_frames`: some of them are far below the cursor.
    """

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._frames: list[tuple[DecodedFrame, bytes]] = []
        self._size = 0
        self._held_since = 0.0
        self.has_low_frames = False

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def frames(self) -> Sequence[DecodedFrame]:
        """The frames."""
        return [frame for frame, _ in self._frames]

    @property
    def seqs(self) -> str:
        """Their seqs, as text."""
        return ", ".join(str(frame.seq) for frame, _ in self._frames)

    @property
    def are_expired(self) -> bool:
        """Whether the first of them has been held for MAX_HELD_SECONDS."""
        return bool(self._frames) and self._clock.monotonic() - self._held_since >= MAX_HELD_SECONDS

    def has_room(self, frame: DecodedFrame) -> bool:
        """Whether `frame` can be held as well."""
        return len(self._frames) < MAX_HELD_FRAMES and self._size + frame.size <= MAX_HELD_BYTES

    def add(self, frame: DecodedFrame, digest: bytes, *, is_low: bool = False) -> None:
        """Hold `frame`."""
        self.has_low_frames = self.has_low_frames or is_low
        if not self._frames:
            self._held_since = self._clock.monotonic()
        self._frames.append((frame, digest))
        self._size += frame.size

    def take_all(self) -> list[tuple[DecodedFrame, bytes]]:
        """Return all of them, and hold nothing any more."""
        frames, self._frames, self._size, self.has_low_frames = self._frames, [], 0, False
        return frames
