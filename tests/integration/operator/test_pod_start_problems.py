"""The cause why a pod does not start, on a real API server. The test acts as the kubelet, which records Events."""

from typing import Any

import pytest

from sluice_redis.contract import SourceState
from tests.integration.operator.control_plane import OPERATOR, Manifest, path_of
from tests.integration.operator.situation import NAME, Situation, eventually, now

BUNDLE = {"configMapRef": {"name": "private-ca", "key": "tls-ca.crt"}}
PATIENT = {"stalledAfterSeconds": 4}


def apply_map(situation: Situation, name: str, **data: str) -> None:
    metadata = {"name": name, "namespace": situation.namespace}
    situation.control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def message(situation: Situation) -> str:
    return next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Ready")


def record_event(situation: Situation, pod: Manifest, reason: str, words: str) -> None:
    """Create an Event of the kubelet or the scheduler about `pod`."""
    metadata = pod["metadata"]
    involved = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "namespace": situation.namespace}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "event-", "namespace": situation.namespace},
        "involvedObject": {**involved, "uid": metadata["uid"]},
        "type": "Warning",
        "reason": reason,
        "message": words,
        "count": 1,
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "source": {"component": "kubelet"},
    }
    situation.control_plane.request("POST", path_of("Event", situation.namespace), event)


@pytest.mark.parametrize(
    ("there", "words"),
    [(None, "no ConfigMap private-ca"), ({"ca.crt": ""}, "ConfigMap private-ca has no key tls-ca.crt")],
    ids=["no map", "no key"],
)
def test_a_missing_ca_bundle_is_named_and_recovers(
    situation: Situation, there: dict[str, str] | None, words: str
) -> None:
    if there is not None:
        apply_map(situation, "private-ca", **there)
    situation.apply_relay(caBundle=BUNDLE, health=PATIENT)
    situation.wait_condition("Ready", "False", "ReferenceMissing")
    assert words in message(situation)
    assert "spec.caBundle" in message(situation)
    situation.wait_condition("Stalled", "True", "ReferenceMissing")
    apply_map(situation, "private-ca", **{"tls-ca.crt": "a note"})
    eventually(lambda: situation.condition("Stalled") is None)
    situation.stream()


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"volumes": [{"name": "client", "secret": {"secretName": "not-there"}}]}, "no Secret not-there"),
        (
            {
                "volumes": [
                    {"name": "all", "projected": {"sources": [{"configMap": {"name": "not-there", "optional": False}}]}}
                ]
            },
            "no ConfigMap not-there",
        ),
        (
            {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "not-there", "key": "token"}}}]},
            "no Secret not-there",
        ),
    ],
    ids=["a volume", "a part of a volume", "a variable"],
)
def test_a_missing_object_of_the_pod_template_is_named(situation: Situation, template: Any, words: str) -> None:
    situation.apply_relay(podTemplate=template, health=PATIENT)
    situation.wait_condition("Stalled", "True", "ReferenceMissing")
    assert words in message(situation)
    situation.wait_events("Stalled")


def test_messages_of_pod_events_are_reported(situation: Situation) -> None:
    situation.apply_relay(health=PATIENT)
    pod = situation.pod()
    record_event(situation, pod, "FailedCreatePodSandBox", "plugin cilium-cni failed: no address")
    eventually(lambda: "plugin cilium-cni failed: no address" in message(situation))
    assert situation.condition("Ready") == ("False", "PodNotRunning")
    record_event(situation, pod, "FailedMount", 'MountVolume.SetUp failed for volume "data": driver not found')
    situation.wait_condition("Stalled", "True", "VolumeNotMounted")
    assert 'volume "data": driver not found' in message(situation)
    situation.stream()


def test_events_of_running_pods_are_not_read(situation: Situation) -> None:
    apply_map(situation, "given", token="t")
    env = [{"name": "TOKEN", "valueFrom": {"configMapKeyRef": {"name": "given", "key": "token"}}}]
    situation.apply_relay(podTemplate={"env": env})
    pod = situation.stream(1000)
    log = situation.control_plane.audit.from_now()
    for seq in (1001, 1002):
        situation.store(seq)
        situation.report(SourceState.STREAMING, pod=pod)
        eventually(lambda seq=seq: situation.status()["firehose"]["cursor"] == str(seq))
    requests = {(one.verb, one.resource) for one in log.requests(OPERATOR) if one.namespace == situation.namespace}
    assert not requests & {("list", "events"), ("get", "configmaps")}
    assert ("get", "secrets") in requests, f"{NAME} was not observed"
