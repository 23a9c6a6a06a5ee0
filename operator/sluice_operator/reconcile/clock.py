"""The clocks that the reconciler reads, as a Protocol: tests set them by hand."""

import time
from datetime import UTC, datetime
from typing import Final, Protocol


class Clock(Protocol):
    """A monotonic clock for pauses, and the time of day for what is written down."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past. They never go back."""

    def now(self) -> datetime:
        """The time of day, in UTC."""


class SystemClock:
    """The clocks of this machine."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)


SYSTEM_CLOCK: Final = SystemClock()
