"""When to try again what the API server could not do, thing by thing.

The look at a resource goes on at its own pace, so that its status stays true. Only what has failed waits, longer each
time, and not at all if something else is wanted or there.
"""

import time
from dataclasses import dataclass
from typing import Final

from sluice_operator.kubernetes.client import ApiError
from sluice_operator.kubernetes.workqueue import backoff_seconds
from sluice_operator.observed.facts import Refusal

MAX_BACKOFF_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Failure:
    fingerprint: str
    failures: int
    retry_at: float
    refusal: Refusal


class RetryBackoff:
    """Remembers what has failed, by a key such as the path of an object."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failure] = {}

    def in_backoff(self, key: str, fingerprint: str) -> Refusal | None:
        """Why `key` is not to be tried now; None if it is. `stamp` tells what is wanted of it, and what is there."""
        failed = self._failures.get(key)
        if failed is None or failed.fingerprint != fingerprint or time.monotonic() >= failed.retry_at:
            return None
        return failed.refusal

    def record_failure(self, key: str, fingerprint: str, refusal: Refusal, error: ApiError) -> int:
        """Note that it has failed. How often it has in a row."""
        before = self._failures.get(key)
        failures = before.failures + 1 if before is not None and before.fingerprint == fingerprint else 1
        pause = max(min(backoff_seconds(failures), MAX_BACKOFF_SECONDS), error.retry_after)
        self._failures[key] = _Failure(
            fingerprint=fingerprint, failures=failures, retry_at=time.monotonic() + pause, refusal=refusal
        )
        return failures

    def reset(self, key: str) -> None:
        """It has been done, or is to be tried at once."""
        self._failures.pop(key, None)

    def seconds_left(self, key: str) -> float | None:
        """In how many seconds `key` may be tried again; None if it does not wait."""
        failed = self._failures.get(key)
        return None if failed is None else max(0.0, failed.retry_at - time.monotonic())
