"""Frames that are held back for a moment, until those that follow say what they are."""

import time
from collections.abc import Sequence
from typing import Final

from sluice_wire.events import Decoded

SECONDS: Final = 10.0
"""A source that says no more for so long leaves it open: then they are stored."""
MOST: Final = 16
MOST_BYTES: Final = 1024 * 1024


class Held:
    """A few frames in the order in which they came, with their digests. `low`: some stand far below the cursor."""

    def __init__(self) -> None:
        self._frames: list[tuple[Decoded, bytes]] = []
        self._size = 0
        self._began = 0.0
        self.low = False

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def frames(self) -> Sequence[Decoded]:
        """The frames."""
        return [frame for frame, _ in self._frames]

    @property
    def seqs(self) -> str:
        """Their seqs, in words."""
        return ", ".join(str(frame.seq) for frame, _ in self._frames)

    @property
    def are_old(self) -> bool:
        """Whether the first of them has waited for SECONDS."""
        return bool(self._frames) and time.monotonic() - self._began >= SECONDS

    def has_room(self, frame: Decoded) -> bool:
        """Whether `frame` can be held, too."""
        return len(self._frames) < MOST and self._size + frame.size <= MOST_BYTES

    def add(self, frame: Decoded, digest: bytes, *, low: bool = False) -> None:
        """Hold `frame`."""
        self.low = self.low or low
        if not self._frames:
            self._began = time.monotonic()
        self._frames.append((frame, digest))
        self._size += frame.size

    def empty(self) -> list[tuple[Decoded, bytes]]:
        """All of them, which are held no longer."""
        frames, self._frames, self._size, self.low = self._frames, [], 0, False
        return frames
