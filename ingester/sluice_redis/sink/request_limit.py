"""How large a request this Redis takes, as far as it has shown: some services take a megabyte, Redis itself half
a gigabyte, and some say nothing but close the connection.
"""

import re
import time
from typing import Final

from sluice_redis.sink.errors import SinkFailure, SinkReason

SUSPICIONS_NEEDED: Final = 3
"""So many times in a row a large request must end without an answer, while small ones are answered."""
MIN_SUSPECT_BYTES: Final = 64 * 1024
"""A smaller request is never parted without a word of Redis."""
MIN_SINGLE_EVENT_BYTES: Final = 1_000_000
"""Nor is an event that is smaller ever given up: Redis has no limit below a megabyte at which it hangs up."""
_LIMIT_IN_MESSAGE: Final = re.compile(r"\b(?:limit|max(?:imum)?)\b\D{0,20}(\d{4,12})\b", re.IGNORECASE)
_GUESS_VALID_SECONDS: Final = 600.0
_MIN_LIMIT_BYTES: Final = 1024


class RequestSizeLimit:
    """Learns from what is refused. `bytes` is None as long as nothing was."""

    def __init__(self) -> None:
        self.max_bytes: int | None = None
        self._guessed_at: float | None = None
        self._suspicions = 0

    def allows(self, size: int) -> bool:
        """Whether a request of `size` bytes is worth a try."""
        if self._guessed_at is not None and time.monotonic() - self._guessed_at > _GUESS_VALID_SECONDS:
            self.max_bytes, self._guessed_at = None, None
        return self.max_bytes is None or size <= self.max_bytes

    def record_refusal(self, size: int, failure: SinkFailure) -> None:
        """A request of about `size` bytes was refused."""
        self._suspicions = 0
        told = _LIMIT_IN_MESSAGE.search(failure.message) if failure.reason is SinkReason.TOO_LARGE else None
        guess = max(_MIN_LIMIT_BYTES, size // 2)
        limit = int(told[1]) if told and _MIN_LIMIT_BYTES <= int(told[1]) < size else guess
        self.max_bytes = limit if self.max_bytes is None else min(self.max_bytes, limit)
        self._guessed_at = None if told else time.monotonic()

    def may_be_too_large(self, failure: SinkFailure, size: int, *, single_event: bool) -> bool:
        """Whether `trouble`, of a request of that size, may have come of the size, though nothing says so.

        `alone`: of a request for one event.
        """
        least = MIN_SINGLE_EVENT_BYTES if single_event else MIN_SUSPECT_BYTES
        return size >= least and failure.reason in {SinkReason.UNAVAILABLE, SinkReason.TIMEOUT}

    def record_suspicion(self) -> bool:
        """It was so again, while Redis answers other calls. Whether it is to be believed."""
        self._suspicions += 1
        return self._suspicions >= SUSPICIONS_NEEDED

    def record_success(self) -> None:
        """A request was answered."""
        self._suspicions = 0
