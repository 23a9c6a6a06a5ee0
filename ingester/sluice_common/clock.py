"""A clock as an interface: code takes the time from it, and tests replace it with one that they advance."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, Protocol

from sluice_common.tasks import run_until_set


class Clock(Protocol):
    """Time, and waiting for it."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment. It never goes back, whatever happens to the system's clock."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait. Zero and less only let other tasks run."""


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))


SYSTEM_CLOCK: Final = SystemClock()


async def wait_until_set(event: asyncio.Event, *, seconds: float, clock: Clock = SYSTEM_CLOCK) -> bool:
    """Wait for `event`, at most for that many seconds. Returns whether it is set."""
    if not event.is_set():
        await run_until_set(event, clock.sleep(seconds))
    return event.is_set()
