"""The end of a leader whose time is over, whatever its event loop does.

A loop that is blocked, a process that was frozen (SIGSTOP, a paused container) or starved renews nothing and notices
nothing, and goes on writing when it wakes. So the deadline is a timer of the kernel. It runs while the process does
not; its signal is delivered before a thawed process goes on, and Python handles it in the main thread, before the
next line of any coroutine. What the kernel already has to send can't be called back: that is what the time between
the deadline and the end of the Lease is for.
"""

import logging
import os
import signal
import time
from types import FrameType
from typing import NoReturn

logger = logging.getLogger(__name__)


class LeaseDeadline:
    """Ends the process when the deadline is over. To be used in the main thread."""

    def __init__(self) -> None:
        # A handler of Python's and not the signal's default, which would spare the process 1 of a container.
        signal.signal(signal.SIGALRM, self._on_alarm)

    def extend_to(self, deadline: float) -> None:
        """Let the process live until `deadline` on the monotonic clock, unless it is told a later one."""
        signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.001))
        # The process may have been frozen since it asked for the time: the timer would begin too late.
        if time.monotonic() >= deadline:
            self._on_alarm(signal.SIGALRM, None)

    def cancel(self) -> None:
        """Nothing is held any longer."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    @staticmethod
    def _on_alarm(_number: int, _frame: FrameType | None) -> NoReturn:
        exit_now("The lease could not be renewed in time: another may lead now")


def exit_now(message: str) -> NoReturn:
    """End the process with code 1 without another step of any coroutine: no clean-up may write."""
    try:
        logger.critical("%s", message)
    finally:
        os._exit(1)
