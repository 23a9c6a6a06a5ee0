"""Wait for something to become true, and say what was there instead when it does not."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, until: Callable[[T], bool], within: float, every: float = 0.2) -> T:
    """What `look` gives once `until` holds for it.

    Raises AssertionError with the last look after `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if until(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {seen!r}")
        time.sleep(every)
