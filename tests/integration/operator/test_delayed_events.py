"""What the API server did not take of Events is told later, on a real API server."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import delay_answer, drop_connection, lose_answer, refuse
from tests.integration.operator.situation import Situation, eventually


def told(place: Situation, reason: str) -> list[Any]:
    found = place.all("Event", query=f"?fieldSelector=involvedObject.kind={place.kind}")
    return [event for event in found if event["reason"] == reason]


@pytest.mark.parametrize(
    "trick", [refuse(403), refuse(503), drop_connection, lose_answer], ids=["403", "503", "cut off", "answers are lost"]
)
def test_an_explanation_that_was_refused_is_told_once_it_is_taken(
    place: Situation, proxy: FaultyProxy, start: Callable[..., OperatorProcess], trick: Any
) -> None:
    start(KUBECONFIG=proxy.kubeconfig(OPERATOR))
    with proxy.inject(trick, "create", "events", namespace=place.namespace) as rule:
        place.apply_relay(redis={"secretRef": {"name": "none"}}, health={"stalledAfterSeconds": 1})
        place.wait_condition("Stalled", "True", "SecretMissing")
        stalled = next(item for item in place.status()["conditions"] if item["type"] == "Stalled")
        left = rule.remaining
        eventually(lambda: rule.remaining < left or rule.remaining == float("inf"))
    eventually(lambda: told(place, "Stalled"))
    (event,) = told(place, "Stalled")
    assert event["count"] == 1
    assert event["message"].startswith("SecretMissing: ")
    happened = datetime.fromisoformat(event["firstTimestamp"])
    assert abs((happened - datetime.fromisoformat(stalled["lastTransitionTime"])).total_seconds()) <= 15


def test_an_operator_that_is_asked_to_stop_tells_what_it_has_written(
    place: Situation, proxy: FaultyProxy, start: Callable[..., OperatorProcess]
) -> None:
    operator = start(KUBECONFIG=proxy.kubeconfig(OPERATOR))
    with proxy.inject(delay_answer(2), "patch", "relays/status", namespace=place.namespace):
        place.apply_relay(redis={"secretRef": {"name": "none"}}, health={"stalledAfterSeconds": 1})
        place.wait_condition("Stalled", "True", "SecretMissing")
        # It is written, and the operator does not know that yet.
        assert operator.stop() == 0
    assert [event["count"] for event in told(place, "Stalled")] == [1]


def test_of_what_contradicts_itself_only_the_newest_is_told_later(
    place: Situation, proxy: FaultyProxy, start: Callable[..., OperatorProcess]
) -> None:
    start(KUBECONFIG=proxy.kubeconfig(OPERATOR))
    with proxy.inject(refuse(503), "create", "events", namespace=place.namespace):
        place.apply_relay(redis={"secretRef": {"name": "mine"}}, health={"stalledAfterSeconds": 1})
        place.wait_condition("Stalled", "True", "SecretMissing")
        place.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
        place.stream()
    eventually(lambda: told(place, "Recovered") and told(place, "Connected"))
    assert told(place, "Stalled") == []
