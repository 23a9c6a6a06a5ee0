"""Ending tasks for certain."""

import asyncio
from typing import Any, Final

_AGAIN_SECONDS: Final = 2.0


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they have ended, whatever they end with.

    A cancellation can get lost where `asyncio.wait_for` of Python 3.11 returns at that moment, as
    it does inside the Redis client. So it is repeated.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
