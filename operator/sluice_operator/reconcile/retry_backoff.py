"""The back-off of failed requests: a growing pause for each object, not for the resource.

Reconciles of the resource continue, so that its status stays current. Only the failed request waits. It is sent at once
if something else is desired, or if the object has changed.
"""

from dataclasses import dataclass
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.workqueue import backoff_seconds
from sluice_operator.observed.facts.children import Refusal

MAX_BACKOFF_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Failure:
    fingerprint: str
    count: int
    retry_at: float
    refusal: Refusal


class RetryBackoff:
    """The failures by key, such as the path of an object."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, _Failure] = {}

    def in_backoff(self, key: str, fingerprint: str) -> Refusal | None:
        """The error of `key` during its pause, or None if it may be tried.

        `fingerprint` identifies the desired object and the live one. With another fingerprint it may be tried at once.
        """
        failure = self._failures.get(key)
        if failure is None or failure.fingerprint != fingerprint or self._clock.monotonic() >= failure.retry_at:
            return None
        return failure.refusal

    def record_failure(self, key: str, fingerprint: str, refusal: Refusal, error: ApiError) -> int:
        """Start the next pause of `key`. Returns how often it has failed in a row."""
        before = self._failures.get(key)
        count = before.count + 1 if before is not None and before.fingerprint == fingerprint else 1
        pause = max(min(backoff_seconds(count), MAX_BACKOFF_SECONDS), error.retry_after)
        self._failures[key] = _Failure(
            fingerprint=fingerprint, count=count, retry_at=self._clock.monotonic() + pause, refusal=refusal
        )
        return count

    def reset(self, key: str) -> None:
        """End the pause of `key`: the request has succeeded."""
        self._failures.pop(key, None)

    def seconds_left(self, key: str) -> float | None:
        """The seconds until `key` may be tried again, or None if it has not failed."""
        failure = self._failures.get(key)
        return None if failure is None else max(0.0, failure.retry_at - self._clock.monotonic())
