"""Cancelling asyncio tasks reliably, and running one until an event is set."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_REPEAT_SECONDS: Final = 2.0
T = TypeVar("T")


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they have ended. Their results and errors are ignored.

    `asyncio.wait_for` of Python 3.11 can lose a cancellation if it returns at that moment. The Redis client uses it.
    So the cancellation is repeated.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_REPEAT_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


async def run_until_set(stopping: asyncio.Event, coroutine: Coroutine[Any, Any, T]) -> T | None:
    """The result of `coroutine`, or None if `stopping` is set first: then the coroutine is cancelled."""
    working, waiting = asyncio.create_task(coroutine), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancel_and_wait(working, waiting)
