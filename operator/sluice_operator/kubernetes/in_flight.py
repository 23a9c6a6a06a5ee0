"""Requests that run to completion even if their caller is cancelled.

A request that is cut off may be carried out all the same, and only its answer says when it is over. An operator that
stops waits for the answers before it lets another one lead.
"""

import asyncio
from collections.abc import Coroutine, Set
from typing import Any, TypeVar

Result = TypeVar("Result")


class InFlightRequests:
    """The requests without an answer."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def tasks(self) -> Set[asyncio.Task[Any]]:
        """Their tasks. The set changes as requests begin and end."""
        return self._tasks

    async def run(self, request: Coroutine[Any, Any, Result]) -> Result:
        """The answer to `request`, which goes on if the caller is cancelled."""
        task = asyncio.create_task(request)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return await asyncio.shield(task)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for all answers. Requests without one after `timeout_seconds` are cut off."""
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=timeout_seconds)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may be gone: asyncio would log that nobody has read the error
