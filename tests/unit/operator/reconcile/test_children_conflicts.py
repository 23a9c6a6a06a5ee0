"""Somebody else changes a child between the operator's read and its write, as the Deployment controller does."""

import pytest

from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, Manifest
from sluice_operator.kubernetes.errors import ApiError
from tests.unit.operator.reconcile.harness import NAMESPACE, Situation


@pytest.fixture
async def situation() -> Situation:
    """A Relay that is Ready: its Deployment is rolled out."""
    situation = Situation()
    await situation.start_streaming()
    situation.edit_deployment(rolled_out)
    await situation.reconcile()
    assert situation.condition("Ready") == ("True", "Streaming")
    return situation


def rolled_out(deployment: Manifest) -> None:
    generation = deployment["metadata"]["generation"]
    deployment["status"] = {"observedGeneration": generation, "replicas": 1, "updatedReplicas": 1}


async def test_a_conflict_is_retried_at_once(situation: Situation) -> None:
    situation.apply(batch={"size": 7})
    with situation.server.faults.refuse(409, "Conflict", plural="deployments", method="PATCH", times=1):
        await situation.reconcile()
    assert situation.writes()[0] == "PATCH deployments"
    assert situation.condition("Ready") == ("False", "Progressing")


async def test_a_new_spec_that_is_not_written_is_not_ready(situation: Situation) -> None:
    """The Deployment of the former spec is still rolled out."""
    situation.apply(batch={"size": 7})
    with situation.server.faults.refuse(409, "Conflict", plural="deployments", method="PATCH"):
        for _ in range(3):
            with pytest.raises(ApiError, match="409 Conflict"):
                await situation.reconcile()
            ready = situation.condition("Ready")
            assert ready is not None
            assert ready[0] == "False", ready
            situation.clock.advance(60)
    await situation.reconcile()
    assert situation.condition("Ready") == ("False", "Progressing")


async def test_a_deployment_that_is_replaced_meanwhile_is_not_ready(situation: Situation) -> None:
    situation.apply(batch={"size": 7})
    await situation.list_all()
    situation.server.delete(DEPLOYMENTS, NAMESPACE, "a-firehose")
    await situation.reconcile_cached()
    assert situation.condition("Ready") == ("False", "Progressing")
