"""Writing statuses and their Events: in order, once, and without fields of others."""

import pytest

from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.errors import ApiError
from tests.unit.operator.reconcile.harness import NAMESPACE, STATUS_SECONDS, Situation


@pytest.fixture
async def situation() -> Situation:
    """A Relay whose ingester streams."""
    situation = Situation()
    await situation.start_streaming()
    return situation


async def test_a_change_whose_answer_was_lost_is_reported_once(situation: Situation) -> None:
    situation.sink.problem = "connection refused"
    with situation.server.faults.lose_answers(times=1, plural="relays", subresource="status"), pytest.raises(ApiError):
        await situation.reconcile()
    assert situation.condition("SinkWritable") == ("False", "SinkUnreachable"), "it was written"
    assert situation.events("BackpressureOn") == []
    for _ in range(3):
        await situation.reconcile()
    assert len(situation.events("BackpressureOn")) == 1


async def test_a_change_that_was_refused_is_reported_when_it_is_written(situation: Situation) -> None:
    situation.sink.problem = "connection refused"
    with situation.server.faults.refuse(503, plural="relays", subresource="status"), pytest.raises(ApiError):
        await situation.reconcile()
    assert situation.events("BackpressureOn") == []
    await situation.reconcile()
    assert len(situation.events("BackpressureOn")) == 1


async def test_foreign_fields_are_removed_from_the_status(situation: Situation) -> None:
    def add(relay: Manifest) -> None:
        relay["status"]["labels"] = {"state": "Streaming"}

    situation.server.edit(RELAY.resource, NAMESPACE, "a", add)
    situation.clock.advance(STATUS_SECONDS)
    situation.report(seq="8", events="1")
    await situation.reconcile()
    assert "labels" not in situation.status()


async def test_pods_are_exempt_in_the_status_before_suspension_stops_them(situation: Situation) -> None:
    """Otherwise a restarted operator would count the next pods as restarts."""
    situation.apply(suspend=True)
    await situation.reconcile()
    assert situation.writes()[:2] == ["PATCH relays/status", "PATCH deployments"]


async def test_pods_are_not_stopped_while_the_status_cannot_be_written(situation: Situation) -> None:
    situation.apply(suspend=True)
    with situation.server.faults.refuse(503, plural="relays", subresource="status"), pytest.raises(ApiError):
        await situation.reconcile()
    assert situation.deployment()["spec"]["replicas"] == 1
    await situation.reconcile()
    assert situation.deployment()["spec"]["replicas"] == 0


async def test_writing_the_status_of_a_deleted_source_is_no_error(situation: Situation) -> None:
    situation.sink.problem = "connection refused"
    with situation.server.faults.refuse(404, "NotFound", plural="relays", subresource="status"):
        await situation.reconcile()
    assert situation.events("BackpressureOn") == []


async def test_the_status_of_a_former_source_of_the_same_name_is_not_written(situation: Situation) -> None:
    """The source was deleted and created again, and no watch has said so yet."""
    await situation.list_all()
    situation.delete()
    situation.apply()
    situation.sink.problem = "connection refused"
    await situation.reconcile_cached()
    assert situation.status() == {"observedGeneration": -1}, "the default of the CRD"
    assert situation.events("BackpressureOn") == []


async def test_a_status_is_written_although_somebody_has_just_changed_the_source(situation: Situation) -> None:
    await situation.list_all()
    situation.annotate("a", team="events")
    situation.sink.problem = "connection refused"
    await situation.reconcile_cached()
    assert situation.condition("SinkWritable") == ("False", "SinkUnreachable")
    assert situation.writes() == ["PATCH relays/status", "PATCH relays/status"]
    assert len(situation.events("BackpressureOn")) == 1


async def test_a_source_that_always_changes_is_reconciled_again_later(situation: Situation) -> None:
    situation.sink.problem = "connection refused"
    conflicts = situation.server.faults.refuse(409, "Conflict", plural="relays", subresource="status")
    with conflicts, pytest.raises(ApiError, match="409 Conflict"):
        await situation.reconcile()
    assert situation.writes() == ["PATCH relays/status"] * 3
    assert situation.events("BackpressureOn") == []
    await situation.reconcile()
    assert len(situation.events("BackpressureOn")) == 1
