"""Exponential back-off with full jitter: how long to wait before the next attempt. Pure."""

import math
import random
from collections.abc import Callable


class Backoff:
    """Delays that grow with each failure, and start again after a success.

    A delay is random between 0 and `base * 2**failures` seconds, at most `cap`. This is full jitter: clients that
    were disconnected together do not reconnect together. An attempt that was healthy for `reset_after` seconds, or
    that made progress, resets the count of failures. Progress may end at once, again and again. So after progress two
    attempts begin at least `base` seconds apart.
    """

    def __init__(
        self,
        *,
        base: float,
        cap: float,
        reset_after: float = math.inf,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._base = base
        self._cap = cap
        self._reset_after = reset_after
        self._uniform = uniform
        self.failures = 0

    def next_delay(self, *, healthy_seconds: float = 0.0, progress: bool = False, minimum: float = 0.0) -> float:
        """Count a failure, and return the seconds to wait.

        The attempt was healthy for `healthy_seconds` before it failed, and may have made `progress`. `minimum` is the
        wait that the other side asked for, for example with Retry-After. The jitter is added to it.
        """
        if healthy_seconds >= self._reset_after or progress:
            self.failures = 0
        if progress:
            minimum = max(minimum, self._base - healthy_seconds)
        ceiling = min(self._cap, self._base * 2 ** min(self.failures, 32))
        self.failures += 1
        return minimum + self._uniform(0.0, ceiling)

    def reset(self) -> None:
        """Set the count of failures to zero."""
        self.failures = 0
