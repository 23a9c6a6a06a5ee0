"""Requests that come to their end even if nobody waits for them any longer.

A request that is cut off may be carried out all the same: only its answer tells that it is over. An operator that
stops must know that before it lets another one lead.
"""

import asyncio
from collections.abc import Coroutine, Set
from typing import Any, TypeVar

Result = TypeVar("Result")


class InFlightRequests:
    """The requests that are not answered yet."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def tasks(self) -> Set[asyncio.Task[Any]]:
        """Those of now, whenever they are looked at."""
        return self._tasks

    async def run(self, request: Coroutine[Any, Any, Result]) -> Result:
        """The answer to `request`, which goes on if this is cancelled."""
        task = asyncio.create_task(request)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return await asyncio.shield(task)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for all answers, but not for longer than that; what is left is cut off."""
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=timeout_seconds)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it, and asyncio would complain
