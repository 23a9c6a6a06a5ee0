"""Finds out what has changed and can't be watched through the API server: streams in Redis, Secrets and ConfigMaps.

Each round asks for all sources together, and adds those that have changed to the work queue. So a source in which
nothing changes costs almost nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.redis.source_redis import SourceRedis


class ChangePoller:
    """Asks for changes at an interval."""

    def __init__(
        self,
        *,
        redis: SourceRedis,
        objects: ObjectPoller,
        add: Callable[[SourceKey], None],
        add_after: Callable[[SourceKey, float], None],
        pause: Callable[[float], None],
        is_paused: Callable[[], bool],
        interval_seconds: float,
        on_round: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        """`add`, `add_after`, `pause` and `is_paused` are those of the work queue. `on_round` counts the rounds."""
        self._redis = redis
        self._objects = objects
        self._add = add
        self._add_after = add_after
        self._pause = pause
        self._is_paused = is_paused
        self._interval_seconds = interval_seconds
        self._clock = clock or SystemClock()
        self._on_round = on_round
        self._rounds = {"redis": 0, "objects": 0}
        self._counted = 0

    async def run(self) -> None:
        """Ask at the interval, until cancelled. Redis and the API server do not wait for each other."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._poll_redis), name="changes in Redis")
            group.create_task(self._repeat(self._poll_objects), name="changes of Secrets and ConfigMaps")

    async def _repeat(self, poll: Callable[[], Awaitable[None]]) -> None:
        while True:
            began = self._clock.monotonic()
            await poll()
            await self._clock.sleep(max(0.0, began + self._interval_seconds - self._clock.monotonic()))

    async def _poll_redis(self) -> None:
        await self._redis.poll(self._add, self._add_after)
        self._count("redis")

    async def _poll_objects(self) -> None:
        if not self._is_paused():  # the pause is for all requests to the API server
            await self._objects.poll(self._add, pause=self._pause)
        self._count("objects")

    def _count(self, what: str) -> None:
        """Count a round when both were asked."""
        self._rounds[what] += 1
        if min(self._rounds.values()) > self._counted:
            self._counted += 1
            self._on_round()
