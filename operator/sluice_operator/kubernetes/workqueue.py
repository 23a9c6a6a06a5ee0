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

RequestedPause = Callable[[Exception], float]
"""For how many seconds an error asks to be left alone; 0 if it asks for nothing."""

RetryLimit = Callable[[Exception], float]
"""The longest pause after an error, in seconds, if it has been met in part; infinite if it hasn't."""

BASE_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 60.0
RECONCILE_TIMEOUT_SECONDS: Final = 120.0
"""How long a look may take. Each step of it has a limit of its own; many slow steps have none."""


class WorkQueue(Generic[Key]):
    """Keys to look at, each by one worker at a time. To be used on one event loop."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: dict[Key, float] = {}  # since when
        self._processing: dict[Key, float] = {}  # since when
        self._dirty: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._paused_until = 0.0
        self._expected: tuple[type[Exception], ...] = ()
        self._requested_pause: RequestedPause = lambda _: 0.0
        self._retry_limit: RetryLimit = lambda _: MAX_BACKOFF_SECONDS
        self._last_finished = 0.0  # when the last look ended

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._queued)

    def add(self, key: Key) -> None:
        """Look at `key` as soon as a worker is free."""
        self._cancel_timer(key)
        if key in self._processing:
            self._dirty.add(key)
        elif key not in self._queued:
            self._queued[key] = _now()
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at `key` in `seconds`, unless it is to be looked at before."""
        due = _now() + seconds
        planned = self._timers.get(key)
        sooner = key in self._queued or key in self._dirty or (planned is not None and planned.when() <= due)
        if not sooner:
            self._cancel_timer(key)
            self._timers[key] = asyncio.get_running_loop().call_at(due, self.add, key)

    def stuck(self, seconds: float) -> list[Key]:
        """The keys that a worker has looked at for over `seconds`; and if no look has ended in that time, those
        that have waited for so long.

        A long queue alone is no sign of that: all looks are slow while the API server or Redis is away.
        """
        limit = _now() - seconds
        hang = [key for key, at in self._processing.items() if at < limit]
        wait = [key for key, at in self._queued.items() if at < limit]
        return hang + wait if self._last_finished < limit else hang

    async def run(
        self,
        handler: Handler[Key],
        *,
        workers: int,
        expected: tuple[type[Exception], ...] = (),
        requested_pause: RequestedPause = lambda _: 0.0,
        retry_limit: RetryLimit = lambda _: MAX_BACKOFF_SECONDS,
    ) -> None:
        """Look at keys, so many at a time, until cancelled. `expected` errors are logged in one line."""
        self._requested_pause, self._retry_limit, self._expected = requested_pause, retry_limit, expected
        self._last_finished = _now()
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(handler), name=f"queue worker {number}")

    async def _work(self, handler: Handler[Key]) -> None:
        while True:
            key = await self._ready.get()
            while (left := self._paused_until - _now()) > 0:  # noqa: ASYNC110 (a time that may move)
                await asyncio.sleep(left)
            del self._queued[key]
            self._processing[key] = _now()
            try:
                again = await self._process(key, handler)
            finally:
                del self._processing[key]
                self._last_finished = _now()
            if (worker := asyncio.current_task()) is not None and worker.cancelling():
                # Before Python 3.12 `asyncio.wait_for`, by which Redis is asked, may swallow a cancellation.
                raise asyncio.CancelledError
            if again is not None:
                self.add_after(key, again)
            if key in self._dirty:
                self._dirty.discard(key)
                self.add(key)

    async def _process(self, key: Key, handler: Handler[Key]) -> float | None:
        try:
            async with asyncio.timeout(RECONCILE_TIMEOUT_SECONDS) as limit:
                again = await handler(key)
        except (Exception, asyncio.CancelledError) as caught:
            if (worker := asyncio.current_task()) is None or worker.cancelling():
                raise asyncio.CancelledError from caught
            # Somebody else has cancelled what the look waited for: a failure like others.
            error = caught if isinstance(caught, Exception) else RuntimeError("what it waited for was cancelled")
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(self._requested_pause(error), MAX_BACKOFF_SECONDS)
            self._paused_until = max(self._paused_until, _now() + pause)
            again = max(min(backoff_seconds(failures), self._retry_limit(error)), pause)
            trace = None if limit.expired() or isinstance(error, self._expected) else error
            text = f"cut off after {RECONCILE_TIMEOUT_SECONDS:g} s" if limit.expired() else error
            logger.error("%s will be tried again in %.1f s: %s", key, again, text, exc_info=trace)
        else:
            self._failures.pop(key, None)
        return again

    def _cancel_timer(self, key: Key) -> None:
        if planned := self._timers.pop(key, None):
            planned.cancel()


def backoff_seconds(failures: int) -> float:
    """The pause after so many `failures` in a row: 0.2 s, doubled each time, at most 60 s, with jitter."""
    longest = min(MAX_BACKOFF_SECONDS, BASE_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 20))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)


def _now() -> float:
    return asyncio.get_running_loop().time()
