"""When what has failed is tried again."""

from sluice_operator.kubernetes.client import ApiError
from sluice_operator.observed.facts import Refusal
from sluice_operator.reconcile.retry_backoff import MAX_BACKOFF_SECONDS, RetryBackoff

REFUSAL = Refusal(reason="ChildRefused", message="no")
ERROR = ApiError(500, "InternalError", "no")


def test_what_has_failed_waits_ever_longer_up_to_a_limit() -> None:
    attempts, pauses = RetryBackoff(), []
    for number in range(1, 20):
        assert attempts.record_failure("k", "s", REFUSAL, ERROR) == number
        pauses.append(attempts.seconds_left("k") or 0.0)
    assert pauses[0] < 0.5
    assert pauses[5] > pauses[0]
    assert 10 < pauses[-1] <= MAX_BACKOFF_SECONDS
    assert attempts.in_backoff("k", "s") == REFUSAL


def test_something_else_is_tried_at_once() -> None:
    attempts = RetryBackoff()
    for _ in range(10):
        attempts.record_failure("k", "s", REFUSAL, ERROR)
    assert attempts.in_backoff("k", "another") is None
    assert attempts.in_backoff("other", "s") is None
    assert attempts.record_failure("k", "another", REFUSAL, ERROR) == 1


def test_who_asks_to_be_left_alone_is() -> None:
    attempts = RetryBackoff()
    attempts.record_failure("k", "s", REFUSAL, ApiError(429, "TooManyRequests", "later", retry_after=50))
    assert (attempts.seconds_left("k") or 0.0) > 45


def test_what_is_done_or_asked_for_is_forgotten() -> None:
    attempts = RetryBackoff()
    attempts.record_failure("k", "s", REFUSAL, ERROR)
    attempts.reset("k")
    assert (attempts.in_backoff("k", "s"), attempts.seconds_left("k")) == (None, None)
