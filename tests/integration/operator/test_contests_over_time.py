"""Repeated foreign edits: what the operator does a minute later, and after a restart."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, Manifest
from tests.integration.operator.situation import Situation, eventually
from tests.integration.operator.test_contests import CHILD, container, edit_repeatedly, message_of, writes_of

CONTESTS: dict[str, tuple[Manifest, str, Callable[[Manifest], bool]]] = {
    "replicas": ({"spec": {"replicas": 3}}, "spec.replicas is 3 and not", lambda found: found["spec"]["replicas"] != 3),
    "a pause": (
        {"spec": {"paused": True}},
        "spec.paused is true and not nothing",
        lambda found: not found["spec"].get("paused"),
    ),
    "a label of the operator": (
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


@pytest.mark.parametrize("contest", CONTESTS)
def test_the_operator_leaves_a_field_after_repeated_edits(
    place: Situation, start: Callable[..., OperatorProcess], contest: str
) -> None:
    patch, words, is_reverted = CONTESTS[contest]
    start(speed=4)  # some of it happens a minute later
    place.apply_relay(suspend=True)
    place.wait_condition("Ready", "True", "Suspended")
    log = place.control_plane.audit.from_now()
    edit_repeatedly(
        place,
        lambda: place.patch("Deployment", CHILD, patch),
        lambda: is_reverted(place.deployment()),
        until="Contested",
    )
    assert words in message_of(place)
    place.wait_events("ChildContested")
    before = writes_of(place, log)
    assert len(before) == 3
    place.wait_reconciled()
    assert writes_of(place, log) == before
    assert not is_reverted(place.deployment())
    place.wait_condition("Ready", "True", "Suspended")

    # The operator still restores all other fields.
    place.apply_relay(suspend=True, image="sluice:2")
    eventually(lambda: container(place)["image"] == "sluice:2")
    place.patch("Deployment", CHILD, {"spec": {"minReadySeconds": 7}})
    eventually(lambda: "minReadySeconds" not in place.deployment()["spec"])


def test_a_restarted_operator_leaves_the_field_sooner(
    place: Situation, start: Callable[..., Any], own_operator: Any
) -> None:
    first = start()
    place.apply_relay(suspend=True)
    place.wait_condition("Ready", "True", "Suspended")

    def contest() -> None:
        edit_repeatedly(
            place,
            lambda: place.patch("Deployment", CHILD, {"spec": {"paused": True}}),
            lambda: not place.deployment()["spec"].get("paused"),
            until="Contested",
        )

    contest()
    first.stop()
    log = place.control_plane.audit.from_now()
    start()

    def is_contested_again() -> bool:
        if not place.deployment()["spec"].get("paused"):
            place.patch("Deployment", CHILD, {"spec": {"paused": True}})
        return len(writes_of(place, log)) == 2 and place.condition("ChildrenContested") == ("True", "Contested")

    eventually(is_contested_again)
    place.wait_reconciled()
    assert len(writes_of(place, log)) == 2, [r for r in log.writes(OPERATOR) if r.namespace == place.namespace]
