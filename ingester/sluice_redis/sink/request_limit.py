"""The size of the largest request that this Redis accepts, measured by its refusals.

Redis itself accepts 512 MB, some services one megabyte. Some return no error, and only close the connection.
"""

import re
from typing import Final

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_redis.sink.errors import SinkFailure, SinkReason

SUSPICIONS_NEEDED: Final = 3
"""How many times in a row a large request must get no response, while small ones get one."""
MIN_SUSPECT_BYTES: Final = 64 * 1024
"""A smaller request is split only if Redis says that it is too large."""
MIN_SINGLE_EVENT_BYTES: Final = 1_000_000
"""A smaller event becomes a dead letter only if Redis says that it is too large. No service closes connections for less
than a megabyte."""
_LIMIT_IN_MESSAGE: Final = re.compile(r"\b(?:limit|max(?:imum)?)\b\D{0,20}(\d{4,12})\b", re.IGNORECASE)
_GUESS_VALID_SECONDS: Final = 600.0
_MIN_LIMIT_BYTES: Final = 1024


class RequestSizeLimit:
    """Measures the limit by refused requests. `max_bytes` is None until one is refused."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self.max_bytes: int | None = None
        self._guessed_at: float | None = None
        self._suspicions = 0

    def allows(self, size: int) -> bool:
        """Whether a request of `size` bytes is worth an attempt."""
        if self._guessed_at is not None and self._clock.monotonic() - self._guessed_at > _GUESS_VALID_SECONDS:
            self.max_bytes, self._guessed_at = None, None
        return self.max_bytes is None or size <= self.max_bytes

    def record_refusal(self, size: int, failure: SinkFailure) -> None:
        """A request of about `size` bytes was refused."""
        self._suspicions = 0
        stated = _LIMIT_IN_MESSAGE.search(failure.message) if failure.reason is SinkReason.TOO_LARGE else None
        guess = max(_MIN_LIMIT_BYTES, size // 2)
        limit = int(stated[1]) if stated and _MIN_LIMIT_BYTES <= int(stated[1]) < size else guess
        self.max_bytes = limit if self.max_bytes is None else min(self.max_bytes, limit)
        self._guessed_at = None if stated else self._clock.monotonic()

    def may_be_too_large(self, failure: SinkFailure, size: int, *, single_event: bool) -> bool:
        """Whether the size of a request may be the cause of `failure`, although Redis does not say so.

        `single_event`: the request contains only one event.
        """
        least = MIN_SINGLE_EVENT_BYTES if single_event else MIN_SUSPECT_BYTES
        return size >= least and failure.reason in {SinkReason.UNAVAILABLE, SinkReason.TIMEOUT}

    def record_suspicion(self) -> bool:
        """Count a failure that the size may have caused. Returns whether there are enough of them to conclude that."""
        self._suspicions += 1
        return self._suspicions >= SUSPICIONS_NEEDED

    def record_success(self) -> None:
        """A request had a response."""
        self._suspicions = 0
