"""A clock for tests of one task: a sleep moves the time and returns at once."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from tests.fakes.clock import START

_BEGIN: Final = 1000.0


class SteppedClock:
    """Starts at 1000 monotonic seconds and at `START`."""

    def __init__(self) -> None:
        self.seconds = _BEGIN

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - _BEGIN)

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)
