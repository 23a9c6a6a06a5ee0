"""A work queue of keys, as in Kubernetes controllers: it decides when to reconcile what.

A key says that there is something to reconcile. The handler finds out what.

- If a key is added several times before it is handled, it is handled once.
- If a key is added while it is handled, it is handled once more afterwards, never twice at the same time.
- A failed key is repeated after a growing back-off.

An error can ask for a pause, like a 429 of the API server. Then all keys wait, including new ones, because the sum of
all requests was too much for the server.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Handler = Callable[[Key], Awaitable[float | None]]
"""Reconciles a key. Returns the seconds until it is reconciled again, or None: not until it is added."""

RequestedPause = Callable[[Exception], float]
"""The pause in seconds that an error asks for. 0 if it asks for none."""

RetryLimit = Callable[[Exception], float]
"""The longest back-off after an error, in seconds. Infinite if the error sets no limit."""

BASE_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 60.0
RECONCILE_TIMEOUT_SECONDS: Final = 120.0
"""How long the handler may take for one key. Each of its steps has its own limit, but there may be many steps."""


class WorkQueue(Generic[Key]):
    """Keys to reconcile, each by one worker at a time. To be used on one event loop."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: dict[Key, float] = {}  # since when
        self._processing: dict[Key, float] = {}  # since when
        self._dirty: set[Key] = set()
        """Keys that were added while they are processed."""
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._paused_until = 0.0
        self._expected: tuple[type[Exception], ...] = ()
        self._requested_pause: RequestedPause = lambda _: 0.0
        self._retry_limit: RetryLimit = lambda _: MAX_BACKOFF_SECONDS
        self._last_finished = 0.0

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._queued)

    def add(self, key: Key) -> None:
        """Reconcile `key` as soon as a worker is free."""
        self._cancel_timer(key)
        if key in self._processing:
            self._dirty.add(key)
        elif key not in self._queued:
            self._queued[key] = _now()
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Add `key` in `seconds`, unless it is to be added sooner."""
        due = _now() + seconds
        timer = self._timers.get(key)
        is_sooner = key in self._queued or key in self._dirty or (timer is not None and timer.when() <= due)
        if not is_sooner:
            self._cancel_timer(key)
            self._timers[key] = asyncio.get_running_loop().call_at(due, self.add, key)

    def pause(self, seconds: float) -> None:
        """Process no key for so long, at most a minute: the server has asked for that."""
        self._paused_until = max(self._paused_until, _now() + min(seconds, MAX_BACKOFF_SECONDS))

    @property
    def is_paused(self) -> bool:
        """Whether the server has asked to wait, and that time is not over."""
        return self._paused_until > _now()

    def stuck(self, seconds: float) -> list[Key]:
        """The keys that a worker has processed for over `seconds`.

        If no worker has finished a key in that time, also the keys that have waited for so long. A long queue alone is
        no sign of that: reconciliations are slow while the API server or Redis is down.
        """
        limit = _now() - seconds
        processing = [key for key, since in self._processing.items() if since < limit]
        queued = [key for key, since in self._queued.items() if since < limit]
        return processing + queued if self._last_finished < limit else processing

    async def run(
        self,
        handler: Handler[Key],
        *,
        workers: int,
        expected: tuple[type[Exception], ...] = (),
        requested_pause: RequestedPause = lambda _: 0.0,
        retry_limit: RetryLimit = lambda _: MAX_BACKOFF_SECONDS,
    ) -> None:
        """Reconcile keys, `workers` at a time, until cancelled. Errors that are `expected` are logged in one line."""
        self._requested_pause, self._retry_limit, self._expected = requested_pause, retry_limit, expected
        self._last_finished = _now()
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(handler), name=f"queue worker {number}")

    async def _work(self, handler: Handler[Key]) -> None:
        while True:
            key = await self._ready.get()
            while (left := self._paused_until - _now()) > 0:  # noqa: ASYNC110 (the pause may become longer meanwhile)
                await asyncio.sleep(left)
            del self._queued[key]
            self._processing[key] = _now()
            try:
                retry_seconds = await self._process(key, handler)
            finally:
                del self._processing[key]
                self._last_finished = _now()
            if (worker := asyncio.current_task()) is not None and worker.cancelling():
                # Before Python 3.12 `asyncio.wait_for`, which the Redis client uses, may swallow a cancellation.
                raise asyncio.CancelledError
            if retry_seconds is not None:
                self.add_after(key, retry_seconds)
            if key in self._dirty:
                self._dirty.discard(key)
                self.add(key)

    async def _process(self, key: Key, handler: Handler[Key]) -> float | None:
        """Reconcile `key`. Returns the seconds until it is reconciled again, or None."""
        try:
            async with asyncio.timeout(RECONCILE_TIMEOUT_SECONDS) as timeout:
                retry_seconds = await handler(key)
        except (Exception, asyncio.CancelledError) as caught:
            if (worker := asyncio.current_task()) is None or worker.cancelling():
                raise asyncio.CancelledError from caught
            # A task that the handler waited for was cancelled by somebody else: a failure like any other.
            error = caught if isinstance(caught, Exception) else RuntimeError("a task that it waited for was cancelled")
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(self._requested_pause(error), MAX_BACKOFF_SECONDS)
            self.pause(pause)
            retry_seconds = max(min(backoff_seconds(failures), self._retry_limit(error)), pause)
            trace = None if timeout.expired() or isinstance(error, self._expected) else error
            text = f"cut off after {RECONCILE_TIMEOUT_SECONDS:g} s" if timeout.expired() else error
            logger.error("%s will be tried again in %.1f s: %s", key, retry_seconds, text, exc_info=trace)
        else:
            self._failures.pop(key, None)
        return retry_seconds

    def _cancel_timer(self, key: Key) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()


def backoff_seconds(failures: int) -> float:
    """The back-off after so many `failures` in a row: 0.2 s, doubled each time, at most 60 s, with jitter."""
    longest = min(MAX_BACKOFF_SECONDS, BASE_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 20))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)


def _now() -> float:
    return asyncio.get_running_loop().time()
