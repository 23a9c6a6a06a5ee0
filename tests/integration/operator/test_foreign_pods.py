"""Pods with the labels of an ingester that do not belong to its Deployment, on a real API server."""

from copy import deepcopy

from sluice_redis.contract import SourceState
from tests.integration.operator.control_plane import Manifest, path_of
from tests.integration.operator.situation import NAME, Situation, eventually, now

COPY = "debug-copy"


def copy_of(situation: Situation, pod: Manifest, *command: str) -> Manifest:
    """Create a running copy of `pod` as `kubectl debug --copy-to` does: all labels except that of the ReplicaSet."""
    copy = deepcopy(pod)
    labels = {name: value for name, value in pod["metadata"]["labels"].items() if name != "pod-template-hash"}
    copy["metadata"] = {"name": COPY, "namespace": situation.namespace, "labels": labels}
    del copy["status"]
    copy["spec"].pop("nodeName", None)
    copy["spec"]["containers"][0]["command"] = list(command)
    made: Manifest = situation.control_plane.request("POST", path_of("Pod", situation.namespace), copy)
    situation.set_container(made, running={"startedAt": now()}, restarts=5, last={"reason": "Error", "exitCode": 1})
    return made


def since(situation: Situation, kind: str) -> str:
    return next(item["lastTransitionTime"] for item in situation.status()["conditions"] if item["type"] == kind)


def wait_observed(situation: Situation, seq: int, pod: Manifest) -> None:
    """Store an event, and wait until the status has its cursor."""
    situation.store(seq)
    situation.report(SourceState.STREAMING, pod=pod)
    eventually(lambda: situation.status()["firehose"]["cursor"] == str(seq))


def test_a_debug_copy_does_not_change_the_status(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.stream(1000)
    ready = since(situation, "Ready")
    copy_of(situation, pod, "sleep", "100000")
    for seq in (1001, 1002, 1003):
        wait_observed(situation, seq, pod)
    assert situation.condition("Ready") == ("True", "Streaming")
    assert since(situation, "Ready") == ready
    assert situation.condition("SeveralWriters") is None
    assert situation.status()["restarts"]["count"] == 0


def test_a_debug_copy_does_not_delay_a_deletion(situation: Situation) -> None:
    situation.apply_relay(deletionPolicy="DeleteCursor")
    pod = situation.stream(1000)
    copy_of(situation, pod, "sleep", "100000")
    situation.delete("Relay", NAME)
    eventually(lambda: situation.names("Relay") == [])
    assert situation.redis.get(situation.keys.cursor) is None
    assert situation.names("Pod") == [COPY]


def test_scaling_the_deployment_does_not_change_ready(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.stream(1000)
    ready = since(situation, "Ready")
    situation.patch("Deployment", situation.child, {"spec": {"replicas": 3}})
    eventually(lambda: situation.deployment()["spec"]["replicas"] == 1)
    eventually(lambda: situation.deployment()["status"]["replicas"] == 1)
    assert situation.pod()["metadata"]["name"] == pod["metadata"]["name"], "pods that do not run yet are removed first"
    wait_observed(situation, 1001, pod)
    assert situation.condition("Ready") == ("True", "Streaming")
    assert since(situation, "Ready") == ready
