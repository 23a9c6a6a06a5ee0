"""Others write what the operator writes: it puts the child back, yields, says so, and tries again after a pause."""

from collections.abc import Callable

import pytest

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


async def insist(situation: Situation, *, times: int) -> int:
    """Scale the Deployment so often. How often that was put back."""
    put_back = 0
    for _ in range(times):
        situation.edit_deployment(scale(3))
        await situation.reconcile()
        put_back += situation.deployment()["spec"]["replicas"] == 1
    return put_back


async def test_an_edit_is_put_back_with_an_event(situation: Situation) -> None:
    situation.edit_deployment(scale(3))
    await situation.reconcile()
    assert situation.writes() == ["PATCH deployments"]
    (message,) = situation.events("ChildRestored")
    assert message.startswith("Restored Deployment a-firehose: spec.replicas was 3")
    assert "somebody" in message
    assert situation.condition("ChildrenContested") is None


async def test_a_field_that_comes_back_is_left_and_the_rest_is_kept(situation: Situation) -> None:
    assert await insist(situation, times=5) == 3
    assert situation.condition("ChildrenContested") == ("True", "Contested")
    assert situation.event_counts("ChildContested") == [1]

    def pause(deployment: Manifest) -> None:
        deployment["spec"]["paused"] = True

    situation.edit_deployment(pause)
    await situation.reconcile()
    assert situation.deployment()["spec"].get("paused") is None
    assert situation.deployment()["spec"]["replicas"] == 3


async def test_after_a_pause_it_is_written_once_more(situation: Situation) -> None:
    await insist(situation, times=4)
    situation.clock.advance(FIRST_PAUSE - 1)
    assert await insist(situation, times=1) == 0
    situation.clock.advance(2)
    assert await insist(situation, times=3) == 1


async def test_a_contest_that_is_over_is_reported_no_longer(situation: Situation) -> None:
    await insist(situation, times=4)
    situation.clock.advance(FIRST_PAUSE + 1)
    await situation.reconcile()
    assert situation.deployment()["spec"]["replicas"] == 1
    situation.clock.advance(FIRST_PAUSE + 1)
    await situation.reconcile()
    assert situation.condition("ChildrenContested") is None


async def test_a_restarted_operator_yields_sooner(situation: Situation) -> None:
    await insist(situation, times=4)
    situation.start_operator()
    assert await insist(situation, times=4) == 2


async def test_a_change_of_the_spec_is_written_over_what_was_left(situation: Situation) -> None:
    await insist(situation, times=4)
    situation.apply(image="sluice:2")
    await situation.reconcile()
    assert situation.deployment()["spec"]["replicas"] == 1
    assert situation.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == "sluice:2"


async def test_a_deployment_that_is_deleted_again_and_again_is_left_deleted(situation: Situation) -> None:
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


async def test_a_deployment_that_is_deleted_before_the_operator_sees_it_is_left_deleted() -> None:
    situation, created = Situation(), 0
    situation.apply()
    for _ in range(8):
        await situation.reconcile()
        if "PATCH deployments" in situation.writes():
            created += 1
            situation.server.delete(DEPLOYMENTS, NAMESPACE, "a-firehose")
    assert created == 4, "the first one, and three more"
    assert situation.condition("Stalled") == ("True", "Contested")


async def test_a_secret_that_is_deleted_again_and_again_stops_nothing(situation: Situation) -> None:
    for _ in range(5):
        await situation.reconcile()
        if situation.secret() is not None:
            situation.server.delete(SECRETS, NAMESPACE, "a-relay-redis-url")
    await situation.reconcile()
    assert situation.secret() is None
    assert situation.condition("Stalled") is None
    assert situation.condition("ChildrenContested") == ("True", "Contested")


async def test_somebody_else_s_object_is_not_touched(situation: Situation) -> None:
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
