"""Finds work that is stuck, for /livez, and an event loop that is blocked.

While the event loop is blocked, probes get no response. The kubelet would kill the process, and the reason would not be
logged. So the watchdog ends the process before that, and first writes the stacks of all threads.
"""

import asyncio
import faulthandler
from typing import Final

from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.workqueue import WorkQueue

STUCK_SECONDS: Final = 180.0
"""Longer than a reconciliation may take. Also how long no reconciliation may finish while others wait."""
OVERDUE_SECONDS: Final = 900.0
"""How late a resync may be. Each page of a list has its own time limit."""
BLOCKED_SECONDS: Final = 30.0
"""How long the event loop may be blocked. No step of the work computes for a second."""
SHUTDOWN_TIMEOUT_SECONDS: Final = 20.0
"""How long the process may take to end."""
_RESETS_PER_TIMEOUT: Final = 6


async def watch_event_loop(timeout_seconds: float = BLOCKED_SECONDS) -> None:
    """Watch the running event loop until cancelled.

    If the loop is blocked for `timeout_seconds`, the stacks of all threads go to stderr and the process ends with code
    1. The same happens if the process has not ended some seconds after this was cancelled.
    """
    try:
        while True:
            faulthandler.dump_traceback_later(timeout_seconds, exit=True)
            await asyncio.sleep(timeout_seconds / _RESETS_PER_TIMEOUT)
    finally:
        faulthandler.dump_traceback_later(min(timeout_seconds, SHUTDOWN_TIMEOUT_SECONDS), exit=True)


def liveness_problem(queue: WorkQueue[SourceKey], resync: Resync) -> str:
    """What is stuck in this process, or an empty string. Nothing is stuck because the API server or Redis is down."""
    if stuck := queue.stuck(STUCK_SECONDS):
        return f"stuck: {', '.join(map(str, stuck[:5]))}"
    if resync.overdue_seconds() > OVERDUE_SECONDS:
        return "stuck: everything should have been listed long ago"
    return ""
