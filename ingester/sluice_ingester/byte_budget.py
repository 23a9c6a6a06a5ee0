"""The bytes that all sources of a process may hold together, so that its memory is bounded. Pure.

Each source has a small share that it can always use. What it holds beyond its share comes from the budget. A source
that needs more while the budget is used up stops reading its connection. Nothing is dropped.

- Batches count with what they hold. They may exceed the budget by the events of one frame.
- A large frame is claimed as a whole before it is read. Otherwise two frames could wait for each other, each half read.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

SHARE_BYTES: Final = 64 * 1024
"""What a source may always hold, in events or of a frame."""
TOTAL_BYTES: Final = 16 * 1024 * 1024
"""What all sources may hold beyond their shares: the largest frames of three sources, or full batches of eight."""


class Claim:
    """Bytes for one large frame. They are `granted` at once, or later: then the budget calls `notify`."""

    def __init__(self, size: int, notify: Callable[[], None]) -> None:
        self.size = size
        self.notify = notify
        self.granted = False


class ByteBudget:
    """The budget of a process. `used` are the bytes beyond the shares of sources."""

    def __init__(self, total: int = TOTAL_BYTES) -> None:
        self.used = 0
        self._total = total
        self._granted = 0
        self._claims: deque[Claim] = deque()
        self._waiting: set[Callable[[], None]] = set()

    @property
    def has_room(self) -> bool:
        """Whether a source may hold more than its share."""
        return self.used < self._total

    def add(self, size: int) -> None:
        """Count `size` more bytes, or less if it is negative."""
        self.used += size
        if size < 0:
            self._grant()

    def claim(self, size: int, notify: Callable[[], None]) -> Claim:
        """Claim bytes for a frame. Claims are granted in their order."""
        made = Claim(size, notify)
        self._claims.append(made)
        self._grant(made)
        return made

    def release(self, claim: Claim) -> None:
        """Give back the bytes of `claim`, or give it up before it is granted."""
        if claim.granted:
            claim.granted = False
            self._granted -= 1
            self.add(-claim.size)
        elif claim in self._claims:
            self._claims.remove(claim)
            self._grant()

    def call_when_room(self, function: Callable[[], None]) -> None:
        """Call `function` once, when there may be room again."""
        self._waiting.add(function)

    def _grant(self, new: Claim | None = None) -> None:
        """Grant the oldest claims for which there is room. One frame is always granted, so that none waits for ever."""
        while self._claims and (not self._granted or self.used + self._claims[0].size <= self._total):
            claim = self._claims.popleft()
            claim.granted = True
            self._granted += 1
            self.used += claim.size
            if claim is not new:
                claim.notify()
        if self.has_room and self._waiting:
            waiting, self._waiting = self._waiting, set()
            for function in waiting:
                function()
