"""When what has failed is tried again."""

from sluice_operator.kubernetes.client import KubeError
from sluice_operator.observed.facts import Refusal
from sluice_operator.reconcile.retry_times import MOST_SECONDS, Attempts

REFUSAL = Refusal(reason="ChildRefused", message="no")
ERROR = KubeError(500, "InternalError", "no")


def test_what_has_failed_waits_ever_longer_up_to_a_limit() -> None:
    attempts, pauses = Attempts(), []
    for number in range(1, 20):
        assert attempts.fail("k", "s", REFUSAL, ERROR) == number
        pauses.append(attempts.due("k") or 0.0)
    assert pauses[0] < 0.5
    assert pauses[5] > pauses[0]
    assert 10 < pauses[-1] <= MOST_SECONDS
    assert attempts.waits("k", "s") == REFUSAL


def test_something_else_is_tried_at_once() -> None:
    attempts = Attempts()
    for _ in range(10):
        attempts.fail("k", "s", REFUSAL, ERROR)
    assert attempts.waits("k", "another") is None
    assert attempts.waits("other", "s") is None
    assert attempts.fail("k", "another", REFUSAL, ERROR) == 1


def test_who_asks_to_be_left_alone_is() -> None:
    attempts = Attempts()
    attempts.fail("k", "s", REFUSAL, KubeError(429, "TooManyRequests", "later", retry_after=50))
    assert (attempts.due("k") or 0.0) > 45


def test_what_is_done_or_asked_for_is_forgotten() -> None:
    attempts = Attempts()
    attempts.fail("k", "s", REFUSAL, ERROR)
    attempts.forget("k")
    assert (attempts.waits("k", "s"), attempts.due("k")) == (None, None)
