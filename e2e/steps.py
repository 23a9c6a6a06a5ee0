"""Prints the numbered steps of the demo with their times."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.cluster import progress


class Steps:
    """Prints `[n/total mm:ss] what` before each step and how long it took after it."""

    def __init__(self, *, total: int) -> None:
        self._total = total
        self._number = 0
        self._started = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Print `what`, run the body, then print how long it took."""
        self._number += 1
        print(f"[{self._number}/{self._total} {clock(time.monotonic() - self._started)}] {what}", flush=True)
        started = time.monotonic()
        with progress.step(what, outer=True):
            yield
        print(f"      done in {time.monotonic() - started:.1f} s", flush=True)


def clock(seconds: float) -> str:
    """`seconds` as mm:ss.

    >>> clock(61.5)
    '01:01'
    """
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
