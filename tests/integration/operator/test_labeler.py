"""A Labeler on a real API server: children, conditions and table columns as for a Relay."""

import secrets
import time
from collections.abc import Iterator

import pytest

from sluice_redis.contract import HealthField, SourceState
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import ControlPlane
from tests.integration.operator.kinds import LabelerSituation
from tests.integration.operator.situation import ERROR, NAME, eventually
from tests.integration.redis_server import RedisServer


@pytest.fixture
def situation(control_plane: ControlPlane, operator: OperatorProcess, sink: RedisServer) -> Iterator[LabelerSituation]:
    assert operator.returncode is None, operator.log[-3000:]
    situation = LabelerSituation(control_plane, f"test-{secrets.token_hex(3)}", sink)
    situation.operator = operator
    yield situation
    situation.remove()


def test_from_nothing_to_streaming(situation: LabelerSituation) -> None:
    situation.apply_relay(labels={"startFrom": "live"})
    situation.wait_condition("Ready", "False", "PodNotRunning")
    deployment = situation.deployment()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    env = {item["name"]: item.get("value") for item in container["env"]}
    assert env["INGESTER_MODE"] == "labeler"
    assert env["INGESTER_LABELER_HOSTS"] == f"ws://{situation.host}"
    assert env["INGESTER_START_FROM"] == "live"
    owner = deployment["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == ("Labeler", situation.relay()["metadata"]["uid"])

    situation.stream(1234)
    status = situation.status()
    assert status["labels"]["cursor"] == "1234"
    assert status["labels"]["streamLength"] >= 1
    assert "firehose" not in status
    table = situation.kubectl("get", "labelers").splitlines()
    assert table[0].split() == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE", "REASON"]
    assert {"True", "Streaming", "1234", "0s", "12/s"} <= set(table[1].split()), table
    situation.wait_events("Created", "Connected", "Ready")


def test_quiet_for_days_is_ready(situation: LabelerSituation) -> None:
    situation.apply_relay()
    pod = situation.stream()
    long_ago = "2026-01-01T00:00:00.000Z"
    situation.redis.hset(
        situation.keys.health, mapping={HealthField.STORED: long_ago, HealthField.EVENT_TIME: long_ago}
    )
    situation.report(SourceState.STREAMING, pod=pod)
    situation.wait_condition("EventsFlowing", "True", "Quiet")
    assert situation.condition("Ready") == ("True", "Streaming")
    eventually(lambda: situation.status()["labels"]["lag"] == "0s")
    situation.kubectl("wait", f"labeler/{NAME}", "--for=condition=Ready", "--timeout=60s")


def test_suspend_and_resume(situation: LabelerSituation) -> None:
    situation.apply_relay()
    situation.stream(77)
    situation.kubectl("patch", "labeler", NAME, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    eventually(lambda: situation.deployment()["spec"]["replicas"] == 0)
    eventually(lambda: not situation.names("Pod") or _end_pods(situation))
    situation.wait_condition("Suspended", "True", "Suspended")
    situation.wait_condition("Ready", "True", "Suspended")
    assert situation.status()["labels"]["cursor"] == "77"
    situation.kubectl("patch", "labeler", NAME, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    situation.stream(78)
    assert situation.status()["restarts"]["count"] == 0
    situation.wait_events("Suspended", "Resumed")


def _end_pods(situation: LabelerSituation) -> bool:
    """Delete the pods that are ending, as the kubelet does. Returns False, so that `eventually` calls it again."""
    for name in situation.names("Pod"):
        situation.kubectl("delete", "pod", name, "--force", "--grace-period=0", "--ignore-not-found")
    return False


def test_restarts_are_counted_with_their_cause(situation: LabelerSituation) -> None:
    situation.apply_relay()
    situation.stream()
    situation.run_pod(restarts=1, last=ERROR)
    eventually(lambda: situation.status()["restarts"]["count"] == 1)
    restarts = situation.status()["restarts"]
    assert (restarts["lastReason"], restarts["lastExitCode"]) == ("Error", 1)
    situation.wait_condition("Stable", "False", "RestartedRecently")


def test_deleted_children_are_restored_within_seconds(situation: LabelerSituation) -> None:
    situation.apply_relay()
    situation.stream()
    uid = situation.deployment()["metadata"]["uid"]
    situation.delete("Deployment", situation.child)
    began = time.monotonic()
    eventually(lambda: situation.deployment()["metadata"]["uid"] != uid)
    assert time.monotonic() - began < 15


def test_spec_cursor_sets_the_cursor_of_the_labeler(situation: LabelerSituation) -> None:
    situation.apply_relay()
    situation.stream(500)
    situation.apply_relay(cursor={"position": "oldest", "nonce": "again"})
    eventually(lambda: situation.redis.get(situation.keys.cursor) == "0")
    eventually(lambda: situation.status()["cursorReset"]["nonce"] == "again")
    assert situation.status()["cursorReset"]["from"] == "500"


def test_a_relay_and_a_labeler_with_one_name(situation: LabelerSituation) -> None:
    """Each has its own Deployment and pods. They share a Secret. The deletion of one does not affect the other."""
    situation.apply_relay()
    situation.stream()
    relay = {"apiVersion": "sluice.dev/v1alpha1", "kind": "Relay", "metadata": {"name": NAME}}
    situation.kubectl("apply", "-f", "-", stdin={**relay, "spec": {"host": f"ws://{situation.host}"}})
    eventually(lambda: {f"{NAME}-firehose", situation.child} <= set(situation.names("Deployment")))
    eventually(lambda: len(situation.get("Secret", "sluice-redis-url")["metadata"]["ownerReferences"]) == 2)
    table = situation.kubectl("get", "atproto")
    assert f"relay.sluice.dev/{NAME}" in table
    assert f"labeler.sluice.dev/{NAME}" in table
    uid = situation.deployment()["metadata"]["uid"]
    situation.kubectl("delete", "relay", NAME)
    eventually(lambda: f"{NAME}-firehose" not in situation.names("Deployment"))
    situation.wait_reconciled()
    situation.report(SourceState.STREAMING)  # an old report is ignored
    situation.wait_condition("Ready", "True", "Streaming")
    assert situation.deployment()["metadata"]["uid"] == uid
    assert situation.status()["restarts"]["count"] == 0
