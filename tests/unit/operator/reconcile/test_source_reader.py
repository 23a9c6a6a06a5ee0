"""A source that was deleted, while the cache still has it: nothing is restored for it, and nothing is reported."""

import pytest

from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET
from sluice_operator.kubernetes.api_resource import SECRETS
from tests.unit.operator.reconcile.harness import NAMESPACE, Situation


@pytest.fixture
async def situation() -> Situation:
    """A Relay whose ingester streams."""
    situation = Situation()
    await situation.start_streaming()
    assert situation.status()["image"] == "sluice:test"
    return situation


def delete_secret(situation: Situation) -> None:
    situation.server.delete(SECRETS, NAMESPACE, DEFAULT_REDIS_SECRET)


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_child_of_a_deleted_source_is_not_restored(situation: Situation, *, is_restarted: bool) -> None:
    if is_restarted:
        situation.start_operator()
    await situation.list_all()
    situation.delete()
    delete_secret(situation)
    await situation.reconcile_cached()
    assert situation.writes() == []
    assert situation.events("ChildRestored") == []


async def test_a_child_of_a_source_with_a_finalizer_is_not_restored(situation: Situation) -> None:
    situation.apply(deletionPolicy="DeleteCursor")
    await situation.reconcile()
    await situation.list_all()
    situation.delete()
    delete_secret(situation)
    await situation.reconcile_cached()
    assert situation.writes() == []
    await situation.reconcile()
    assert situation.condition("Ready") == ("False", "Terminating")


async def test_a_child_of_a_former_source_of_the_same_name_is_not_restored(situation: Situation) -> None:
    await situation.list_all()
    situation.delete()
    situation.apply()
    delete_secret(situation)
    await situation.reconcile_cached()
    assert situation.writes() == []
    assert situation.events("ChildRestored") == []


async def test_a_deleted_child_of_an_existing_source_is_restored(situation: Situation) -> None:
    delete_secret(situation)
    await situation.reconcile()
    assert situation.secret() is not None
    assert situation.events("ChildRestored") == ["Restored Secret sluice-redis-url: it was deleted"]
