"""One kind's CRD is taken away from a running operator: the other kind is served on, and this one when it is back.

Near the end of the tests, by the name of the file: all labelers go with their CRD.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e import deploy, manifests
from e2e.cluster.provider import Cluster
from e2e.readers import Readers
from e2e.tests.relay import LabelerUnderTest
from e2e.tests.situations import checks
from e2e.tests.situations.catalog.common import STARTING, streaming
from e2e.tests.situations.play import play
from e2e.tests.situations.recorder import Recorder
from e2e.tests.situations.situation import Situation, Step, because
from e2e.tests.situations.stage import Stage
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.situations.world import World
from e2e.tests.sluice import Sluice
from e2e.tests.wait import eventually

pytestmark = pytest.mark.timeout(600)
NAMESPACE: Final = "sluice-kinds"
CRD: Final = "labelers.sluice.dev"


@pytest.fixture(scope="module")
def world(sluice: Sluice, cluster: Cluster) -> Iterator[World]:
    """A namespace of its own, in which the versions of relays are recorded."""
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    deploy.apply(cluster, manifests.namespace(NAMESPACE))
    with Readers() as readers, Recorder(cluster, readers, namespace=NAMESPACE, kinds=("relay",)) as recorder:
        yield World(cluster=cluster, recorder=recorder, namespace=NAMESPACE, redis_url=sluice.default_redis_url)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


@pytest.fixture(scope="module")
def definition(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """The CRD as the release has made it; it is there again afterwards, whatever has happened."""
    found = json.loads(cluster.kubectl("get", "crd", CRD, "-o", "json"))
    metadata = {key: found["metadata"][key] for key in ("name", "labels", "annotations")}
    definition = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata, "spec": found["spec"]}
    yield definition
    bring_back(cluster, definition)


def bring_back(cluster: Cluster, definition: dict[str, Any]) -> None:
    """Create the CRD, if it is not there, and wait until it is served."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(definition))
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=60s")


def test_relays_are_served_while_the_crd_of_labelers_is_missing(world: World, definition: dict[str, Any]) -> None:
    """Created, edited and put back as ever; and the operator is not restarted for it."""
    cluster = world.cluster

    def take_away(stage: Stage) -> None:
        cluster.kubectl("delete", "crd", CRD, "--timeout=60s")

    def cursor_moves(stage: Stage) -> None:
        cursor = stage.status()["firehose"]["cursor"]
        eventually(stage.status, until=lambda status: status["firehose"]["cursor"] != cursor, within=60, every=1)

    operators = world.operator_pods()
    situation = Situation(
        name="labelers-away",
        steps=(
            streaming(),
            Step(what="CRD deleted", does=take_away, becomes=Verdict.READY, stays=20, then=cursor_moves),
            Step(
                what="edited",
                does=lambda stage: stage.patch(batch={"size": 100}),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
            ),
            Step(
                what="Deployment deleted",
                does=lambda stage: stage.world.kubectl("delete", *stage.deployment_name),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                then=lambda stage: stage.wait_event("ChildRestored"),
            ),
        ),
    )
    played = play(world, situation)
    assert not played.wrong
    born_meanwhile = play(world, Situation(name="born-meanwhile", steps=(streaming(),)))
    assert not born_meanwhile.wrong

    bring_back(cluster, definition)
    host = world.simulator().address
    deploy.apply(cluster, manifests.labeler(name="back", namespace=NAMESPACE, host=host, redis={"keyPrefix": "back:"}))
    LabelerUnderTest(cluster=cluster, name="back", namespace=NAMESPACE).wait_ready()

    assert world.operator_pods() == operators
    recorder = world.recorder
    assert [fault for key in recorder.seen() for fault in checks.faults(recorder.versions(key))] == []
    assert not recorder.errors
