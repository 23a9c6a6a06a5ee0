"""Requests that run to completion even if their caller is cancelled.

The API server may execute a request although its caller was cancelled. Only the response says when that is over. So an
operator that stops waits for all responses before it releases the leader's Lease.
"""

import asyncio
from collections.abc import Coroutine, Set
from typing import Any, TypeVar

Result = TypeVar("Result")


class InFlightRequests:
    """The requests without a response."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def tasks(self) -> Set[asyncio.Task[Any]]:
        """Their tasks. The set changes as requests begin and end."""
        return self._tasks

    async def run(self, request: Coroutine[Any, Any, Result]) -> Result:
        """The response to `request`, which continues if the caller is cancelled."""
        task = asyncio.create_task(request)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return await asyncio.shield(task)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for all responses. Requests without one after `timeout_seconds` are cancelled."""
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
