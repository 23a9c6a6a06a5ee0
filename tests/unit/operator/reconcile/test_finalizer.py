"""The finalizer: added before a cursor can exist if the policy asks for it, and removed if it does not."""

import pytest

from sluice_operator.kubernetes.errors import IncompleteError
from tests.unit.operator.reconcile.harness import Situation


@pytest.fixture
def situation() -> Situation:
    return Situation()


def finalizers(situation: Situation) -> list[str]:
    relay = situation.relay()
    assert relay is not None
    return list(relay["metadata"].get("finalizers") or [])


async def test_the_finalizer_is_written_before_the_children(situation: Situation) -> None:
    situation.apply(deletionPolicy="DeleteCursor")
    await situation.reconcile()
    assert situation.writes() == ["PATCH relays", "PATCH secrets", "PATCH deployments", "PATCH relays/status"]
    assert len(finalizers(situation)) == 1
    await situation.reconcile()
    assert "PATCH relays" not in situation.writes()
    situation.apply(deletionPolicy="Retain")
    await situation.reconcile()
    assert finalizers(situation) == []


async def test_without_the_finalizer_no_child_is_written(situation: Situation) -> None:
    situation.apply(deletionPolicy="DeleteCursor")
    with situation.server.faults.refuse(
        500, "InternalError", "etcd is away", method="PATCH", plural="relays", subresource=""
    ):
        with pytest.raises(IncompleteError):
            await situation.reconcile()
        assert situation.writes() == ["PATCH relays", "PATCH relays/status"]
        assert situation.condition("Reconciling") == ("True", "ApiServerUnavailable")
        await situation.reconcile()
        assert situation.writes() == [], "its pause is not over"
    situation.clock.advance(60)
    await situation.reconcile()
    assert situation.writes()[:3] == ["PATCH relays", "PATCH secrets", "PATCH deployments"]


async def test_where_the_finalizer_is_forbidden_the_source_streams_without_it(situation: Situation) -> None:
    situation.apply(deletionPolicy="DeleteCursor")
    with situation.server.faults.refuse(
        403, "Forbidden", "no finalizers here", method="PATCH", plural="relays", subresource=""
    ):
        await situation.reconcile()
        assert "PATCH deployments" in situation.writes()
        for _ in range(3):
            situation.clock.advance(60)
            await situation.reconcile()
            assert "PATCH relays" not in situation.writes()
        (message,) = situation.events("CursorNotDeleted")
        assert "no finalizers here" in message
        situation.clock.advance(200)
        await situation.reconcile()
        assert "PATCH relays" in situation.writes()
