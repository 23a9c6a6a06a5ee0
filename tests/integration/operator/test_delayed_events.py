"""Events that the API server refused are recorded later, on a real API server."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import delay_answer, drop_connection, lose_answer, refuse
from tests.integration.operator.situation import Situation, eventually


def events_of(place: Situation, reason: str) -> list[Any]:
    found = place.all("Event", query=f"?fieldSelector=involvedObject.kind={place.kind}")
    return [event for event in found if event["reason"] == reason]


@pytest.mark.parametrize(
    "fault",
    [refuse(403), refuse(503), drop_connection, lose_answer],
    ids=["403", "503", "connection breaks", "answers are lost"],
)
def test_a_refused_event_is_recorded_once_the_server_accepts_it(
    place: Situation, proxy: FaultyProxy, start: Callable[..., OperatorProcess], fault: Any
) -> None:
    start(KUBECONFIG=proxy.kubeconfig(OPERATOR))
    with proxy.inject(fault, "create", "events", namespace=place.namespace) as rule:
        place.apply_relay(redis={"secretRef": {"name": "none"}}, health={"stalledAfterSeconds": 1})
        place.wait_condition("Stalled", "True", "SecretMissing")
        stalled = next(item for item in place.status()["conditions"] if item["type"] == "Stalled")
        before = rule.remaining
        eventually(lambda: rule.remaining < before or rule.remaining == float("inf"))
    eventually(lambda: events_of(place, "Stalled"))
    (event,) = events_of(place, "Stalled")
    assert event["count"] == 1
    assert event["message"].startswith("SecretMissing: ")
    happened = datetime.fromisoformat(event["firstTimestamp"])
    assert abs((happened - datetime.fromisoformat(stalled["lastTransitionTime"])).total_seconds()) <= 15


def test_an_operator_that_stops_records_the_event_of_its_last_status(
    place: Situation, proxy: FaultyProxy, start: Callable[..., OperatorProcess]
) -> None:
    operator = start(KUBECONFIG=proxy.kubeconfig(OPERATOR))
    with proxy.inject(delay_answer(2), "patch", "relays/status", namespace=place.namespace):
        place.apply_relay(redis={"secretRef": {"name": "none"}}, health={"stalledAfterSeconds": 1})
        place.wait_condition("Stalled", "True", "SecretMissing")
        # The status is stored, but the operator has no answer yet.
        assert operator.stop() == 0
    assert [event["count"] for event in events_of(place, "Stalled")] == [1]


def test_an_outdated_event_is_not_recorded_later(
    place: Situation, proxy: FaultyProxy, start: Callable[..., OperatorProcess]
) -> None:
    start(KUBECONFIG=proxy.kubeconfig(OPERATOR))
    with proxy.inject(refuse(503), "create", "events", namespace=place.namespace):
        place.apply_relay(redis={"secretRef": {"name": "mine"}}, health={"stalledAfterSeconds": 1})
        place.wait_condition("Stalled", "True", "SecretMissing")
        place.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
        place.stream()
    eventually(lambda: events_of(place, "Recovered") and events_of(place, "Connected"))
    assert events_of(place, "Stalled") == []
