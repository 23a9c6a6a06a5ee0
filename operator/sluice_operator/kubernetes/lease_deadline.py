"""The deadline of the leader: a kernel timer that ends the process, whatever its event loop does.

If the event loop is blocked, or the process is stopped (SIGSTOP, a paused container), the Lease is not renewed. When
the process continues, it would write, although another process may lead by then. So the deadline is a timer of the
kernel:

- It runs while the process is stopped.
- Its signal is delivered before a stopped process continues.
- Python handles it in the main thread, before the next line of any coroutine.

The kernel may still send data that the process has written before. The time between the deadline and the end of the
Lease covers that.
"""

import logging
import os
import signal
import time
from types import FrameType
from typing import NoReturn, Protocol

logger = logging.getLogger(__name__)


class Deadline(Protocol):
    """Ends the process when the deadline passes."""

    def extend_to(self, deadline: float) -> None:
        """Let the process live until `deadline` on the monotonic clock."""

    def cancel(self) -> None:
        """Let the process live on: it does not lead any more."""

    def exit_now(self, message: str) -> NoReturn:
        """End the process at once, without another step of any coroutine."""


class LeaseDeadline:
    """A Deadline by a timer of the kernel. To be used in the main thread."""

    def __init__(self) -> None:
        # With the signal's default action, process 1 of a container would ignore it.
        signal.signal(signal.SIGALRM, self._on_alarm)

    def extend_to(self, deadline: float) -> None:
        """Let the process live until `deadline` on the monotonic clock."""
        signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.001))
        # If the process was frozen between the two lines, the timer was set too late.
        if time.monotonic() >= deadline:
            self._on_alarm(signal.SIGALRM, None)

    def cancel(self) -> None:
        """Let the process live on: it does not lead any more."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def exit_now(self, message: str) -> NoReturn:
        """End the process at once, without another step of any coroutine."""
        exit_now(message)

    @staticmethod
    def _on_alarm(_number: int, _frame: FrameType | None) -> NoReturn:
        exit_now("The lease could not be renewed in time: another may lead now")


def exit_now(message: str) -> NoReturn:
    """Log `message` and end the process with code 1, without clean-up: clean-up might write."""
    try:
        logger.critical("%s", message)
    finally:
        os._exit(1)
