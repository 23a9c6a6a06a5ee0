"""The back-off of failed requests."""

import pytest

from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.reconcile.retry_backoff import MAX_BACKOFF_SECONDS, RetryBackoff
from tests.fakes.stepped_clock import SteppedClock

REFUSAL = Refusal(reason="ChildRefused", message="no")
ERROR = ApiError(500, "InternalError", "no")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def backoff(clock: SteppedClock) -> RetryBackoff:
    return RetryBackoff(clock)


def test_the_pause_grows_with_each_failure_up_to_a_limit(clock: SteppedClock, backoff: RetryBackoff) -> None:
    pauses = []
    for number in range(1, 20):
        assert backoff.record_failure("k", "s", REFUSAL, ERROR) == number
        pauses.append(backoff.seconds_left("k") or 0.0)
    assert pauses[0] < 0.5
    assert pauses[5] > pauses[0]
    assert 10 < pauses[-1] <= MAX_BACKOFF_SECONDS
    assert backoff.in_backoff("k", "s") == REFUSAL
    clock.advance(pauses[-1])
    assert backoff.in_backoff("k", "s") is None


def test_another_object_or_manifest_is_tried_at_once(backoff: RetryBackoff) -> None:
    for _ in range(10):
        backoff.record_failure("k", "s", REFUSAL, ERROR)
    assert backoff.in_backoff("k", "another") is None
    assert backoff.in_backoff("other", "s") is None
    assert backoff.record_failure("k", "another", REFUSAL, ERROR) == 1


def test_a_pause_that_the_api_server_asks_for_is_kept(backoff: RetryBackoff) -> None:
    backoff.record_failure("k", "s", REFUSAL, ApiError(429, "TooManyRequests", "later", retry_after=50))
    assert (backoff.seconds_left("k") or 0.0) > 45


def test_a_success_ends_the_back_off(backoff: RetryBackoff) -> None:
    backoff.record_failure("k", "s", REFUSAL, ERROR)
    backoff.reset("k")
    assert (backoff.in_backoff("k", "s"), backoff.seconds_left("k")) == (None, None)
