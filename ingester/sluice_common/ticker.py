"""A ticker: one timer for everything in a process that must look at something at intervals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sluice_common.clock import SYSTEM_CLOCK, Clock


class Ticker:
    """Calls functions every `seconds`. Run `step` again and again."""

    def __init__(self, *, seconds: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._seconds = seconds
        self._clock = clock
        self._functions: set[Callable[[], None]] = set()

    @contextmanager
    def calling(self, function: Callable[[], None]) -> Iterator[None]:
        """Meanwhile, call `function` at each tick. It must not wait, and an error in it does not affect the others."""
        self._functions.add(function)
        try:
            yield
        finally:
            self._functions.discard(function)

    async def step(self) -> None:
        """Wait for the next tick, and call all functions. Raises the last error of a function."""
        await self._clock.sleep(self._seconds)
        failure: Exception | None = None
        for function in tuple(self._functions):
            if function in self._functions:  # otherwise one before it has ended it
                try:
                    function()
                except Exception as error:  # noqa: BLE001 - it must not affect the others
                    failure = error
        if failure is not None:
            raise failure
