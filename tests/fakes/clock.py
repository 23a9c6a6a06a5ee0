"""A clock for tests: its time changes only when a test advances it."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

START: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
_MAX_ROUNDS: Final = 100_000


class FakeClock:
    """A Clock whose time changes only by its methods. Sleepers wake in the order of their times."""

    def __init__(self, *, monotonic: float = 1000.0, now: datetime = START) -> None:
        self._monotonic = monotonic
        self._offset = now - timedelta(seconds=monotonic)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = count()

    def monotonic(self) -> float:
        return self._monotonic

    def now(self) -> datetime:
        return self._offset + timedelta(seconds=self._monotonic)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._number), future))
        await future

    def pass_by(self, seconds: float) -> None:
        """Change the time without waking sleepers, for code that only reads the clock."""
        self._monotonic += seconds

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass. Each sleeper wakes at its time and runs until it waits again."""
        end = self._monotonic + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            await self._wake_next()
        self._monotonic = max(self._monotonic, end)
        await settle()

    async def advance_until(self, is_reached: Callable[[], bool], *, seconds: float = 3600.0) -> float:
        """Wake one sleeper after another until `is_reached`. The seconds that passed."""
        began = self._monotonic
        await settle()
        while not is_reached():
            assert self._sleepers, "no task waits for the clock"
            assert self._sleepers[0][0] - began <= seconds, f"not reached within {seconds:g} s"
            await self._wake_next()
        return self._monotonic - began

    async def _wake_next(self) -> None:
        due, _, future = heapq.heappop(self._sleepers)
        if future.done():  # it was cancelled
            return
        self._monotonic = max(self._monotonic, due)
        future.set_result(None)
        await settle()


async def settle() -> None:
    """Let all tasks run until each of them waits for something."""
    loop: Any = asyncio.get_running_loop()
    for _ in range(_MAX_ROUNDS):
        await asyncio.sleep(0)
        if not loop._ready:  # nothing can run but this task
            return
    raise AssertionError(f"tasks still run after {_MAX_ROUNDS} rounds of the event loop")
