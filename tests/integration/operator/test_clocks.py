"""An ingester whose clock is behind, and operators that meet it for the first time."""

from collections.abc import Callable
from typing import Any

from sluice_redis.contract import SourceState
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.reconcile_request import wait_handled
from tests.integration.operator.situation import Situation, eventually, now


def ready(place: Situation) -> Any:
    """The condition as a whole: the time of its last transition would tell of a verdict that has passed."""
    return next(item for item in place.status()["conditions"] if item["type"] == "Ready")


def test_an_operator_that_starts_takes_a_clock_that_is_behind_for_no_silence_and_finds_a_silence(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    place.clock = -600.0
    operator = start(speed=3)
    place.apply_relay()
    pod = place.run_pod()
    place.store(6_322_875_401)

    def streams() -> bool:
        place.report(SourceState.STREAMING, pod=pod)
        return place.condition("Ready") == ("True", "Streaming")

    eventually(streams)
    seen = ready(place)
    place.wait_events("Connected", "Ready")  # an operator that ends tells no more
    operator.stop()
    place.set_container(pod, running={"startedAt": now(ahead=-400)})  # it is no start that would take its time

    second = start(speed=3)
    wait_handled(place, "second")
    assert ready(place) == seen
    place.wait_condition("Ready", "False", "NotReporting")  # it has never written since
    silent = ready(place)
    place.wait_events("NotReady")
    second.stop()

    start(speed=3)
    wait_handled(place, "third")
    assert ready(place) == silent
    told = sorted(reason for reason, _ in place.events() if reason in {"Connected", "Ready", "NotReady"})
    assert told == ["Connected", "NotReady", "Ready"]
