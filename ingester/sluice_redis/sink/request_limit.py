"""How large a request this Redis takes, as far as it has shown: some services take a megabyte, Redis itself half
a gigabyte, and some say nothing but close the connection.
"""

import re
import time
from typing import Final

from sluice_redis.sink.errors import SinkReason, Trouble

STRIKES: Final = 3
"""So many times in a row a large request must end without an answer, while small ones are answered."""
SUSPECT_BYTES: Final = 64 * 1024
"""A smaller request is never parted without a word of Redis."""
LEAST_ALONE_BYTES: Final = 1_000_000
"""Nor is an event that is smaller ever given up: Redis has no limit below a megabyte at which it hangs up."""
_TOLD: Final = re.compile(r"\b(?:limit|max(?:imum)?)\b\D{0,20}(\d{4,12})\b", re.IGNORECASE)
_FORGET_SECONDS: Final = 600.0
_LEAST: Final = 1024


class Limit:
    """Learns from what is refused. `bytes` is None as long as nothing was."""

    def __init__(self) -> None:
        self.bytes: int | None = None
        self._guessed_at: float | None = None
        self._strikes = 0

    def lets(self, size: int) -> bool:
        """Whether a request of `size` bytes is worth a try."""
        if self._guessed_at is not None and time.monotonic() - self._guessed_at > _FORGET_SECONDS:
            self.bytes, self._guessed_at = None, None
        return self.bytes is None or size <= self.bytes

    def learn(self, size: int, trouble: Trouble) -> None:
        """A request of about `size` bytes was refused."""
        self._strikes = 0
        told = _TOLD.search(trouble.message) if trouble.reason is SinkReason.TOO_LARGE else None
        guess = max(_LEAST, size // 2)
        limit = int(told[1]) if told and _LEAST <= int(told[1]) < size else guess
        self.bytes = limit if self.bytes is None else min(self.bytes, limit)
        self._guessed_at = None if told else time.monotonic()

    def suspects(self, trouble: Trouble, size: int, *, alone: bool) -> bool:
        """Whether `trouble`, of a request of that size, may have come of the size, though nothing says so.

        `alone`: of a request for one event.
        """
        least = LEAST_ALONE_BYTES if alone else SUSPECT_BYTES
        return size >= least and trouble.reason in {SinkReason.UNAVAILABLE, SinkReason.TIMEOUT}

    def strike(self) -> bool:
        """It was so again, while Redis answers other calls. Whether it is to be believed."""
        self._strikes += 1
        return self._strikes >= STRIKES

    def taken(self) -> None:
        """A request was answered."""
        self._strikes = 0
