"""Whether the work goes on: what /livez asks, and a watchdog over the event loop that would have to answer.

A loop that is blocked answers no probe, so a kubelet would kill the process and nobody would learn why. The
watchdog ends it as well, kubelet or not, and writes first where each thread stands.
"""

import asyncio
import faulthandler
from typing import Final

from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.workqueue import WorkQueue

STUCK_SECONDS: Final = 180.0
"""How long a look may take, which is cut off before that; and how long no look may end while some wait."""
OVERDUE_SECONDS: Final = 900.0
"""How much later than planned everything may be listed, each page of which has a time limit of its own."""
BLOCKED_SECONDS: Final = 30.0
"""How long the loop may stand still. No step of the work comes near a second of computing."""
SHUTDOWN_TIMEOUT_SECONDS: Final = 20.0
"""How long the end of the process may take."""
_RESETS_PER_TIMEOUT: Final = 6


async def watch_event_loop(timeout_seconds: float = BLOCKED_SECONDS) -> None:
    """Guard the running loop until cancelled: if it stands still for `seconds`, the tracebacks of all threads go
    to stderr and the process ends with code 1. It also ends so if it is not over that long after the guard is.
    """
    try:
        while True:
            faulthandler.dump_traceback_later(timeout_seconds, exit=True)
            await asyncio.sleep(timeout_seconds / _RESETS_PER_TIMEOUT)
    finally:
        faulthandler.dump_traceback_later(min(timeout_seconds, SHUTDOWN_TIMEOUT_SECONDS), exit=True)


def liveness_problem(queue: WorkQueue[SourceKey], resync: Resync) -> str:
    """What is stuck in this process, or nothing. An API server or a Redis that is away makes nothing stuck."""
    if stuck := queue.stuck(STUCK_SECONDS):
        return f"stuck: {', '.join(map(str, stuck[:5]))}"
    if resync.overdue_seconds() > OVERDUE_SECONDS:
        return "stuck: everything should have been listed long ago"
    return ""
