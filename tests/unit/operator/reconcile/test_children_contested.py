"""Somebody else edits a child: the operator restores it, then leaves contested fields and retries after a pause."""

from collections.abc import Callable

import pytest

from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, SECRETS, Manifest
from sluice_operator.reconcile.contested_fields import FIRST_PAUSE
from tests.unit.operator.reconcile.harness import NAMESPACE, Situation


@pytest.fixture
async def situation() -> Situation:
    situation = Situation()
    situation.apply()
    await situation.reconcile()
    return situation


def scale(replicas: int) -> Callable[[Manifest], None]:
    def change(deployment: Manifest) -> None:
        deployment["spec"]["replicas"] = replicas

    return change


async def scale_repeatedly(situation: Situation, *, times: int) -> int:
    """Scale the Deployment `times` times. How often the operator restored it."""
    restored = 0
    for _ in range(times):
        situation.edit_deployment(scale(3))
        await situation.reconcile()
        restored += situation.deployment()["spec"]["replicas"] == 1
    return restored


async def test_an_edit_is_restored_with_an_event(situation: Situation) -> None:
    situation.edit_deployment(scale(3))
    await situation.reconcile()
    assert situation.writes() == ["PATCH deployments"]
    (message,) = situation.events("ChildRestored")
    assert message.startswith("Restored Deployment a-firehose: spec.replicas was 3")
    assert "somebody" in message
    assert situation.condition("ChildrenContested") is None


async def test_a_contested_field_is_left_and_other_fields_are_restored(situation: Situation) -> None:
    assert await scale_repeatedly(situation, times=5) == 3
    assert situation.condition("ChildrenContested") == ("True", "Contested")
    assert situation.event_counts("ChildContested") == [1]

    def pause(deployment: Manifest) -> None:
        deployment["spec"]["paused"] = True

    situation.edit_deployment(pause)
    await situation.reconcile()
    assert situation.deployment()["spec"].get("paused") is None
    assert situation.deployment()["spec"]["replicas"] == 3


async def test_a_contested_field_is_written_once_more_after_a_pause(situation: Situation) -> None:
    await scale_repeatedly(situation, times=4)
    situation.clock.advance(FIRST_PAUSE - 1)
    assert await scale_repeatedly(situation, times=1) == 0
    situation.clock.advance(2)
    assert await scale_repeatedly(situation, times=3) == 1


async def test_the_condition_ends_with_the_contest(situation: Situation) -> None:
    await scale_repeatedly(situation, times=4)
    situation.clock.advance(FIRST_PAUSE + 1)
    await situation.reconcile()
    assert situation.deployment()["spec"]["replicas"] == 1
    situation.clock.advance(FIRST_PAUSE + 1)
    await situation.reconcile()
    assert situation.condition("ChildrenContested") is None


async def test_a_restarted_operator_leaves_a_contested_field_sooner(situation: Situation) -> None:
    await scale_repeatedly(situation, times=4)
    situation.start_operator()
    assert await scale_repeatedly(situation, times=4) == 2


async def test_a_change_of_the_spec_is_written_over_a_contested_field(situation: Situation) -> None:
    await scale_repeatedly(situation, times=4)
    situation.apply(image="sluice:2")
    await situation.reconcile()
    assert situation.deployment()["spec"]["replicas"] == 1
    assert situation.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == "sluice:2"


async def test_a_deployment_deleted_repeatedly_is_left_deleted(situation: Situation) -> None:
    created = 0
    for _ in range(6):
        await situation.reconcile()
        situation.server.delete(DEPLOYMENTS, NAMESPACE, "a-firehose")
        await situation.reconcile()
        created += "PATCH deployments" in situation.writes()
        if "PATCH deployments" not in situation.writes():
            break
    assert created == 3
    assert situation.condition("Stalled") == ("True", "Contested")
    assert len(situation.events("ChildContested")) == 1
    situation.clock.advance(FIRST_PAUSE + 1)
    await situation.reconcile()
    assert "PATCH deployments" in situation.writes()


async def test_a_deployment_deleted_before_it_is_observed_is_left_deleted() -> None:
    situation, created = Situation(), 0
    situation.apply()
    for _ in range(8):
        await situation.reconcile()
        if "PATCH deployments" in situation.writes():
            created += 1
            situation.server.delete(DEPLOYMENTS, NAMESPACE, "a-firehose")
    assert created == 4, "the first one, and three more"
    assert situation.condition("Stalled") == ("True", "Contested")


async def test_a_secret_deleted_repeatedly_does_not_stop_the_source(situation: Situation) -> None:
    for _ in range(5):
        await situation.reconcile()
        if situation.secret() is not None:
            situation.server.delete(SECRETS, NAMESPACE, DEFAULT_REDIS_SECRET)
    await situation.reconcile()
    assert situation.secret() is None
    assert situation.condition("Stalled") is None
    assert situation.condition("ChildrenContested") == ("True", "Contested")


async def test_an_object_of_somebody_else_is_not_changed(situation: Situation) -> None:
    def foreign(deployment: Manifest) -> None:
        deployment["spec"] = {"replicas": 5}

    situation.server.edit(DEPLOYMENTS, NAMESPACE, "b-firehose", foreign, manager="somebody")
    situation.apply("b", host="other.example")
    await situation.reconcile("b")
    assert "PATCH deployments" not in situation.writes()
    assert situation.condition("Stalled", "b") == ("True", "ChildConflict")
    situation.clock.advance(3600)
    await situation.reconcile("b")
    assert situation.deployment("b")["spec"] == {"replicas": 5}
