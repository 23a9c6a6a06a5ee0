"""Compares the stored cursors of all sources of a process at intervals, in one round trip.

An append compares the cursor too. But a source that is quiet, halted or done has none.
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.tasks import run_until_set
from sluice_ingester.writer.batch_writer import BatchWriter, FencedError
from sluice_redis.sink.errors import SinkError, SinkReason
from sluice_redis.sink.many_sources import ManySources

CHECK_SECONDS: Final = 3.0
"""The interval at which cursors are compared."""
_CHECKS_PER_EVICTION_CHECK: Final = 5


class EvictsError(Exception):
    """Redis may evict keys."""


@dataclass(frozen=True, eq=False, slots=True)
class _Watched:
    writer: BatchWriter
    notify: Callable[[FencedError | EvictsError], None]
    reports_eviction: bool


class CursorWatch:
    """Watches the cursors of sources. Run `step` again and again."""

    def __init__(self, redis: ManySources, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._redis = redis
        self._clock = clock
        self._watched: set[_Watched] = set()
        self._numbers = count(1)

    @contextmanager
    def watching(
        self, writer: BatchWriter, notify: Callable[[FencedError | EvictsError], None], *, reports_eviction: bool = True
    ) -> Iterator[None]:
        """Meanwhile, call `notify` with a FencedError if somebody else has set the cursor of `writer`.

        With `reports_eviction`, also with an EvictsError if Redis may now evict keys.
        """
        watched = _Watched(writer, notify, reports_eviction)
        self._watched.add(watched)
        try:
            yield
        finally:
            self._watched.discard(watched)

    async def wait(self, writer: BatchWriter, stopping: asyncio.Event, *, seconds: float = math.inf) -> None:
        """Wait for `stopping`, at most for `seconds`. FencedError if somebody else sets the cursor meanwhile."""
        changed: asyncio.Future[FencedError | EvictsError] = asyncio.get_running_loop().create_future()

        def notify(error: FencedError | EvictsError) -> None:
            if not changed.done():
                changed.set_result(error)

        async def wait_for_change() -> None:
            if seconds == math.inf:
                raise await changed
            sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
            either: set[asyncio.Future[Any]] = {changed, sleeping}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
            if changed.done():
                raise changed.result()

        with self.watching(writer, notify, reports_eviction=False):
            await run_until_set(stopping, wait_for_change())

    async def step(self) -> None:
        """Wait until the next comparison is due, and compare all cursors."""
        await self._clock.sleep(CHECK_SECONDS)
        await self._compare()
        if next(self._numbers) % _CHECKS_PER_EVICTION_CHECK == 0:
            await self._check_eviction()

    async def _compare(self) -> None:
        asked = [(watched, query) for watched in self._watched if (query := watched.writer.cursor_query()) is not None]
        positions = await self._redis.read_positions([(query.keys, query.wants_length) for _, query in asked])
        for (watched, query), position in zip(asked, positions, strict=True):
            if isinstance(position, SinkError) or watched not in self._watched:
                continue  # whoever writes reports an error
            try:
                watched.writer.compare(query, position)
            except FencedError as error:
                watched.notify(error)

    async def _check_eviction(self) -> None:
        watched = [one for one in self._watched if one.reports_eviction]
        if not watched:
            return
        try:
            await self._redis.check_eviction_policy(watched[0].writer.keys)
        except SinkError as error:
            if error.failure.reason is SinkReason.EVICTS:
                for one in watched:
                    one.notify(EvictsError(str(error)))
