"""Ending tasks for certain."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_REPEAT_SECONDS: Final = 2.0
T = TypeVar("T")


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they have ended, whatever they end with.

    A cancellation can get lost where `asyncio.wait_for` of Python 3.11 returns at that moment, as
    it does inside the Redis client. So it is repeated.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_REPEAT_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def run_until_set(stopping: asyncio.Event, coroutine: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`, or None if `stopping` comes first: then it is broken off."""
    working, waiting = asyncio.create_task(coroutine), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancel_and_wait(working, waiting)
