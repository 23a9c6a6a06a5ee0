"""The CRD of one kind is deleted under a running operator: it serves the other kind, and this one when it is back.

A proof for `make prove`: all Labelers of the cluster are deleted with their CRD, so it can't run together with other
tests or a demo. Its release watches all namespaces, as with the chart's defaults.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from e2e import deploy, manifests
from e2e.cluster.provider import Cluster
from e2e.readers import Readers
from e2e.tests.api import Api
from e2e.tests.installation import EVERYWHERE, installed, remove_namespace
from e2e.tests.relay import LabelerUnderTest
from e2e.tests.situations import checks
from e2e.tests.situations.catalog.common import STARTING, streaming
from e2e.tests.situations.environment import Environment
from e2e.tests.situations.recorder import Recorder
from e2e.tests.situations.runner import run_situation
from e2e.tests.situations.situation import Situation, Step, because
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually
from sluice_operator.api.base import GROUP

pytestmark = pytest.mark.prove
NAMESPACE: Final = "sluice-kinds"
CRD: Final = "labelers.sluice.dev"


@pytest.fixture(scope="module")
def environment(cluster: Cluster, api: Api, run_directory: Path) -> Iterator[Environment]:
    """A release for all namespaces, and a namespace in which the versions of relays are recorded."""
    remove_namespace(cluster, NAMESPACE)
    refuse_other_sources(cluster)
    with installed(cluster, api, EVERYWHERE, run_directory) as installation:
        deploy.apply(cluster, manifests.namespace(NAMESPACE))
        with (
            Readers() as readers,
            Recorder(cluster, readers, namespace=NAMESPACE, kinds=("relay",)) as recorder,
            Environment(installation=installation, recorder=recorder, namespace=NAMESPACE) as environment,
        ):
            yield environment
    remove_namespace(cluster, NAMESPACE)
    deploy.uninstall(cluster, release=EVERYWHERE)


def refuse_other_sources(cluster: Cluster) -> None:
    """Fail if the cluster has other sources: these tests would delete them, or the release would not be Ready."""
    served = cluster.kubectl("api-resources", f"--api-group={GROUP}", "-o", "name").split()
    others = cluster.kubectl("get", ",".join(served), "-A", "-o", "name").split() if served else []
    if others:
        pytest.fail(f"the cluster has other sources ({', '.join(others)}): remove them, or run `make demo-down`")


@pytest.fixture(scope="module")
def definition(cluster: Cluster, environment: Environment) -> Iterator[dict[str, Any]]:
    """The CRD as the release created it. It is there again afterwards, whatever has happened."""
    found = json.loads(cluster.kubectl("get", "crd", CRD, "-o", "json"))
    metadata = {key: found["metadata"][key] for key in ("name", "labels", "annotations")}
    definition = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata, "spec": found["spec"]}
    yield definition
    create_crd(cluster, definition)


def create_crd(cluster: Cluster, definition: dict[str, Any]) -> None:
    """Create the CRD, if it is not there, and wait until it is served."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(definition))
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=280s")


def test_relays_are_served_while_the_crd_of_labelers_is_missing(
    environment: Environment, definition: dict[str, Any]
) -> None:
    """They are created, edited and restored, and the operator does not restart."""
    cluster = environment.installation.cluster

    def delete_crd(subject: Subject) -> None:
        cluster.kubectl("delete", "crd", CRD, "--timeout=280s")

    def cursor_moves(subject: Subject) -> None:
        cursor = subject.status()["firehose"]["cursor"]
        eventually(subject.status, until=lambda status: status["firehose"]["cursor"] != cursor, every=0.5)

    operators = environment.installation.operator_pods()
    situation = Situation(
        name="labelers-away",
        steps=(
            streaming(),
            Step(what="CRD deleted", does=delete_crd, becomes=Verdict.READY, stays=20, then=cursor_moves),
            Step(
                what="edited",
                does=lambda subject: subject.patch(batch={"size": 100}),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
            ),
            Step(
                what="Deployment deleted",
                does=lambda subject: subject.environment.kubectl("delete", *subject.deployment_name),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                then=lambda subject: subject.wait_event("ChildRestored"),
            ),
        ),
    )
    assert not run_situation(environment, situation).wrong
    assert not run_situation(environment, Situation(name="created-meanwhile", steps=(streaming(),))).wrong

    create_crd(cluster, definition)
    host = environment.simulator().address
    deploy.apply(cluster, manifests.labeler(name="back", namespace=NAMESPACE, host=host, redis={"keyPrefix": "back:"}))
    LabelerUnderTest(cluster=cluster, api=environment.installation.api, name="back", namespace=NAMESPACE).wait_ready()

    assert environment.installation.operator_pods() == operators
    recorder = environment.recorder
    assert [fault for key in recorder.seen() for fault in checks.faults(recorder.versions(key))] == []
    assert not recorder.errors


def test_uninstall_removes_the_cluster_roles(environment: Environment) -> None:
    """A release with rights in all namespaces leaves no ClusterRole."""
    environment.remove_sources()
    deploy.uninstall(environment.installation.cluster, release=EVERYWHERE)
    ours = f"app.kubernetes.io/instance={EVERYWHERE.name}"
    found = environment.installation.cluster.kubectl(
        "get", "clusterroles,clusterrolebindings", "-l", ours, "-o", "name"
    )
    assert found == ""
