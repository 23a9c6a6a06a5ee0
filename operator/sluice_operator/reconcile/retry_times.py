"""When to try again what the API server could not do, thing by thing.

The look at a resource goes on at its own pace, so that its status stays true. Only what has failed waits, longer each
time, and not at all if something else is wanted or there.
"""

import time
from dataclasses import dataclass
from typing import Final

from sluice_operator.kubernetes.client import KubeError
from sluice_operator.kubernetes.workqueue import backoff_seconds
from sluice_operator.observed.facts import Refusal

MOST_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Failed:
    stamp: str
    failures: int
    until: float
    refusal: Refusal


class Attempts:
    """Remembers what has failed, by a key such as the path of an object."""

    def __init__(self) -> None:
        self._failed: dict[str, _Failed] = {}

    def waits(self, key: str, stamp: str) -> Refusal | None:
        """Why `key` is not to be tried now; None if it is. `stamp` tells what is wanted of it, and what is there."""
        failed = self._failed.get(key)
        if failed is None or failed.stamp != stamp or time.monotonic() >= failed.until:
            return None
        return failed.refusal

    def fail(self, key: str, stamp: str, refusal: Refusal, error: KubeError) -> int:
        """Note that it has failed. How often it has in a row."""
        before = self._failed.get(key)
        failures = before.failures + 1 if before is not None and before.stamp == stamp else 1
        pause = max(min(backoff_seconds(failures), MOST_SECONDS), error.retry_after)
        self._failed[key] = _Failed(stamp=stamp, failures=failures, until=time.monotonic() + pause, refusal=refusal)
        return failures

    def forget(self, key: str) -> None:
        """It has been done, or is to be tried at once."""
        self._failed.pop(key, None)

    def due(self, key: str) -> float | None:
        """In how many seconds `key` may be tried again; None if it does not wait."""
        failed = self._failed.get(key)
        return None if failed is None else max(0.0, failed.until - time.monotonic())
