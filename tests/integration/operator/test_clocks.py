"""An ingester whose clock is behind, and operators that start while it runs."""

from collections.abc import Callable
from typing import Any

from sluice_redis.contract import SourceState
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.reconcile_request import wait_handled
from tests.integration.operator.situation import Situation, eventually, now


def ready(place: Situation) -> Any:
    """The whole Ready condition: its last transition time would show a status that changed and changed back."""
    return next(item for item in place.status()["conditions"] if item["type"] == "Ready")


def test_a_new_operator_tells_a_clock_that_is_behind_from_a_silent_ingester(
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
    place.wait_events("Connected", "Ready")  # an operator that stops records no more Events
    operator.stop()
    # The container started long ago, so its ingester is not starting.
    place.set_container(pod, running={"startedAt": now(ahead=-400)})

    second = start(speed=3)
    wait_handled(place, "second")
    assert ready(place) == seen
    place.wait_condition("Ready", "False", "NotReporting")  # the ingester has not written since
    silent = ready(place)
    place.wait_events("NotReady")
    second.stop()

    start(speed=3)
    wait_handled(place, "third")
    assert ready(place) == silent
    reasons = sorted(reason for reason, _ in place.events() if reason in {"Connected", "Ready", "NotReady"})
    assert reasons == ["Connected", "NotReady", "Ready"]
