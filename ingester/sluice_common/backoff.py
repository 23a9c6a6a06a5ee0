"""How long to wait before the next try: exponential, with full jitter, no I/O and no clock."""

import math
import random
from collections.abc import Callable


class Backoff:
    """Delays that grow from try to try and fall back after a time that went well.

    The delay is drawn evenly from 0 to `base * 2**n` seconds, at most `cap`: full jitter, so that
    clients that were cut off together don't come back together. A try that stayed good for
    `healthy` seconds, or that made progress, makes the next failure the first one again. Progress that ends
    at once may come again and again: so no two tries begin within `base` seconds.
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
        """Count a failure that came `after` good seconds, or after `progress`: the seconds to wait.

        `at_least` is what the other side asked for, such as Retry-After; the jitter is added to it.
        """
        if healthy_seconds >= self._reset_after or progress:
            self.failures = 0
        if progress:
            minimum = max(minimum, self._base - healthy_seconds)
        ceiling = min(self._cap, self._base * 2 ** min(self.failures, 32))
        self.failures += 1
        return minimum + self._uniform(0.0, ceiling)

    def reset(self) -> None:
        """All is well: the next failure is the first."""
        self.failures = 0
