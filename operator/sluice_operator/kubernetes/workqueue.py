"""A work queue of keys: the part of a level-triggered operator that decides when to look.

A key says only that there is something to look at; what is to be done is found by looking. So any number
of additions before a look are one look, a key that is added while it is looked at is looked at once more,
no key is looked at twice at the same time, and a look that fails is repeated after a growing pause.

An error may tell that whoever was asked wants to be left alone for a while. Then all keys wait, those that are
news too: what asked too much of the server was the sum of all looks.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Handler = Callable[[Key], Awaitable[float | None]]
"""Looks at a key. Answers in how many seconds to look again, or None for not before it is added."""

Asked = Callable[[Exception], float]
"""For how many seconds an error asks to be left alone; 0 if it asks for nothing."""

Within = Callable[[Exception], float]
"""The longest pause after an error, in seconds, if it has been met in part; infinite if it hasn't."""

FIRST_BACKOFF_SECONDS: Final = 0.2
LAST_BACKOFF_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 120.0
"""How long a look may take. Each step of it has a limit of its own; many slow steps have none."""


class WorkQueue(Generic[Key]):
    """Keys to look at, each by one worker at a time. To be used on one event loop."""

    def __init__(self) -> None:
        self._arrivals: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: dict[Key, float] = {}  # since when
        self._working: dict[Key, float] = {}  # since when
        self._again: set[Key] = set()
        self._planned: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._held_until = 0.0
        self._expected: tuple[type[Exception], ...] = ()
        self._asked: Asked = lambda _: 0.0
        self._within: Within = lambda _: LAST_BACKOFF_SECONDS
        self._moved = 0.0  # when the last look ended

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._waiting)

    def add(self, key: Key) -> None:
        """Look at `key` as soon as a worker is free."""
        self._cancel_plan(key)
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = _now()
            self._arrivals.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at `key` in `seconds`, unless it is to be looked at before."""
        due = _now() + seconds
        planned = self._planned.get(key)
        sooner = key in self._waiting or key in self._again or (planned is not None and planned.when() <= due)
        if not sooner:
            self._cancel_plan(key)
            self._planned[key] = asyncio.get_running_loop().call_at(due, self.add, key)

    def stuck(self, seconds: float) -> list[Key]:
        """The keys that a worker has looked at for over `seconds`; and if no look has ended in that time, those
        that have waited for so long.

        A long queue alone is no sign of that: all looks are slow while the API server or Redis is away.
        """
        limit = _now() - seconds
        hang = [key for key, at in self._working.items() if at < limit]
        wait = [key for key, at in self._waiting.items() if at < limit]
        return hang + wait if self._moved < limit else hang

    async def run(
        self,
        handler: Handler[Key],
        *,
        workers: int,
        expected: tuple[type[Exception], ...] = (),
        asked: Asked = lambda _: 0.0,
        within: Within = lambda _: LAST_BACKOFF_SECONDS,
    ) -> None:
        """Look at keys, so many at a time, until cancelled. `expected` errors are logged in one line."""
        self._asked, self._within, self._expected = asked, within, expected
        self._moved = _now()
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(handler), name=f"queue worker {number}")

    async def _work(self, handler: Handler[Key]) -> None:
        while True:
            key = await self._arrivals.get()
            while (left := self._held_until - _now()) > 0:  # noqa: ASYNC110 (a time that may move)
                await asyncio.sleep(left)
            del self._waiting[key]
            self._working[key] = _now()
            try:
                again = await self._look(key, handler)
            finally:
                del self._working[key]
                self._moved = _now()
            if (worker := asyncio.current_task()) is not None and worker.cancelling():
                # Before Python 3.12 `asyncio.wait_for`, by which Redis is asked, may swallow a cancellation.
                raise asyncio.CancelledError
            if again is not None:
                self.add_after(key, again)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    async def _look(self, key: Key, handler: Handler[Key]) -> float | None:
        try:
            async with asyncio.timeout(LOOK_SECONDS) as limit:
                again = await handler(key)
        except (Exception, asyncio.CancelledError) as caught:
            if (worker := asyncio.current_task()) is None or worker.cancelling():
                raise asyncio.CancelledError from caught
            # Somebody else has cancelled what the look waited for: a failure like others.
            error = caught if isinstance(caught, Exception) else RuntimeError("what it waited for was cancelled")
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(self._asked(error), LAST_BACKOFF_SECONDS)
            self._held_until = max(self._held_until, _now() + pause)
            again = max(min(backoff_seconds(failures), self._within(error)), pause)
            trace = None if limit.expired() or isinstance(error, self._expected) else error
            text = f"cut off after {LOOK_SECONDS:g} s" if limit.expired() else error
            logger.error("%s will be tried again in %.1f s: %s", key, again, text, exc_info=trace)
        else:
            self._failures.pop(key, None)
        return again

    def _cancel_plan(self, key: Key) -> None:
        if planned := self._planned.pop(key, None):
            planned.cancel()


def backoff_seconds(failures: int) -> float:
    """The pause after so many `failures` in a row: 0.2 s, doubled each time, at most 60 s, with jitter."""
    longest = min(LAST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 20))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)


def _now() -> float:
    return asyncio.get_running_loop().time()
