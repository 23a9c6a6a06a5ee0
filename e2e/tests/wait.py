"""Waits until something becomes true; on failure shows what was there instead."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS: Final = 600.0
"""How long a test waits for a state: far longer than an overloaded machine takes, since only failures wait so long."""


def eventually(
    read: Callable[[], T], *, until: Callable[[T], bool], within: float = PATIENCE_SECONDS, every: float = 0.2
) -> T:
    """The first result of `read` for which `until` holds. It is called every `every` seconds.

    Raises AssertionError with the last result after `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        seen = read()
        if until(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {seen!r}")
        time.sleep(every)
