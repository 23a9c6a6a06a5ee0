"""Somebody who does not give in, and an operator of the test's own: what comes a minute later, and after a restart."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, Manifest
from tests.integration.operator.situation import Situation, eventually
from tests.integration.operator.test_contests import CHILD, container, message_of, persistently, writes_of

FIGHTS: dict[str, tuple[Manifest, str, Callable[[Manifest], bool]]] = {
    "replicas": ({"spec": {"replicas": 3}}, "spec.replicas is 3 and not", lambda found: found["spec"]["replicas"] != 3),
    "a pause": (
        {"spec": {"paused": True}},
        "spec.paused is true and not nothing",
        lambda found: not found["spec"].get("paused"),
    ),
    "a label of ours": (
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": "other"}}},
        "metadata.labels[app.kubernetes.io/managed-by] is other and not sluice-operator",
        lambda found: found["metadata"]["labels"]["app.kubernetes.io/managed-by"] != "other",
    ),
    "the owner": (
        {"metadata": {"ownerReferences": None}},
        "is nothing and not",
        lambda found: bool(found["metadata"].get("ownerReferences")),
    ),
}


@pytest.mark.parametrize("fight", FIGHTS)
def test_who_does_not_give_in_is_yielded_to(
    place: Situation, start: Callable[..., OperatorProcess], fight: str
) -> None:
    patch, told, is_ours = FIGHTS[fight]
    start(speed=4)  # some of it comes a minute later
    place.apply_relay(suspend=True)
    place.wait_condition("Ready", "True", "Suspended")
    log = place.control_plane.audit.from_now()
    persistently(
        place,
        lambda: place.patch("Deployment", CHILD, patch),
        lambda: is_ours(place.deployment()),
        until="Contested",
    )
    assert told in message_of(place)
    place.wait_events("ChildContested")
    before = writes_of(place, log)
    assert len(before) == 3
    place.wait_reconciled()
    assert writes_of(place, log) == before
    assert not is_ours(place.deployment())
    place.wait_condition("Ready", "True", "Suspended")

    # All else goes on to be kept right.
    place.apply_relay(suspend=True, image="sluice:2")
    eventually(lambda: container(place)["image"] == "sluice:2")
    place.patch("Deployment", CHILD, {"spec": {"minReadySeconds": 7}})
    eventually(lambda: "minReadySeconds" not in place.deployment()["spec"])


def test_an_operator_that_was_restarted_yields_sooner(
    place: Situation, start: Callable[..., Any], own_operator: Any
) -> None:
    first = start()
    place.apply_relay(suspend=True)
    place.wait_condition("Ready", "True", "Suspended")

    def fight() -> None:
        persistently(
            place,
            lambda: place.patch("Deployment", CHILD, {"spec": {"paused": True}}),
            lambda: not place.deployment()["spec"].get("paused"),
            until="Contested",
        )

    fight()
    first.stop()
    log = place.control_plane.audit.from_now()
    start()

    def still() -> bool:
        if not place.deployment()["spec"].get("paused"):
            place.patch("Deployment", CHILD, {"spec": {"paused": True}})
        return len(writes_of(place, log)) == 2 and place.condition("ChildrenContested") == ("True", "Contested")

    eventually(still)
    place.wait_reconciled()
    assert len(writes_of(place, log)) == 2, [r for r in log.writes(OPERATOR) if r.namespace == place.namespace]
