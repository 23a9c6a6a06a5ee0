"""The operator on a real API server with the real controllers; kubelet and ingester are played."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sluice_ingester.contract import State
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ApiError, path_of
from tests.integration.operator.situation import NAME, Situation, eventually, now
from tests.integration.redis_server import RedisServer

OOM = {"reason": "OOMKilled", "exitCode": 137, "startedAt": now(), "finishedAt": now()}
ERROR = {"reason": "Error", "exitCode": 1, "startedAt": now(), "finishedAt": now()}


def took(action: Callable[[], Any], attempt: Callable[[], Any]) -> float:
    """Seconds from the end of `action` until `attempt` is true."""
    action()
    began = time.monotonic()
    eventually(attempt)
    return time.monotonic() - began


def test_from_nothing_to_streaming(situation: Situation) -> None:
    situation.apply_relay()
    situation.becomes("Ready", "False", "PodNotRunning")
    assert situation.condition("Reconciling") == ("True", "PodNotRunning")

    deployment = situation.deployment()
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == situation.relay()["metadata"]["uid"]
    secret = situation.get("Secret", f"{NAME}-redis")
    assert secret["metadata"]["ownerReferences"][0]["uid"] == situation.relay()["metadata"]["uid"]

    situation.run_pod()
    situation.becomes("Ready", "False", "Connecting")
    situation.store(6_322_875_401)
    situation.report(State.STREAMING)
    situation.becomes("Ready", "True", "Streaming")

    status = situation.status()
    types = {item["type"] for item in status["conditions"]}
    assert "Reconciling" not in types
    assert "Stalled" not in types
    assert status["firehose"]["cursor"] == "6322875401"
    assert status["host"] == situation.host
    assert status["restarts"]["count"] == 0
    table = situation.kubectl("get", "relays").splitlines()
    assert table[0].split() == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE"]
    assert {"True", "6322875401", "0s", "12/s", "0"} <= set(table[1].split()), table
    reasons = [reason for reason, _ in situation.events()]
    assert {"Created", "Connected", "Ready"} <= set(reasons)


def test_the_operator_leaves_no_mark_on_a_relay_but_its_status(situation: Situation) -> None:
    situation.apply_relay()
    before = situation.relay()
    situation.stream()
    after = situation.relay()
    assert "finalizers" not in after["metadata"]
    assert after["spec"] == before["spec"]
    assert "annotations" not in after["metadata"]
    managers = {item["manager"] for item in situation.get("Relay", NAME)["metadata"]["managedFields"]}
    assert managers == {"user", "sluice-operator-status"}


def test_numbers_follow_within_their_interval(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream(100)
    situation.store(2000)
    eventually(lambda: situation.status()["firehose"]["cursor"] == "2000")


def test_what_is_deleted_or_edited_is_back_within_seconds(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    name = f"{NAME}-firehose"

    def edit(patch: dict[str, Any]) -> None:
        situation.patch("Deployment", name, patch)

    uid = situation.deployment()["metadata"]["uid"]
    wanted = situation.deployment()["spec"]
    assert (
        took(
            lambda: situation.delete("Deployment", name),
            lambda: situation.deployment()["metadata"]["uid"] != uid,
        )
        < 5
    )
    for patch in (
        {"spec": {"replicas": 3}},
        {"spec": {"paused": True}},
        {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}}},
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
        {"metadata": {"labels": {"sluice.dev/relay": "another"}}},
        {"metadata": {"ownerReferences": None}},
        {"spec": {"template": {"spec": {"enableServiceLinks": True}}}},
    ):
        assert took(partial(edit, patch), partial(_is_right, situation, wanted)) < 5, patch
    assert (
        took(
            lambda: situation.delete("Secret", f"{NAME}-redis"),
            lambda: situation.get("Secret", f"{NAME}-redis"),
        )
        < 5
    )
    told = [message for reason, message in situation.events() if reason == "ChildRestored"]
    assert sorted(told) == [
        f"Put back Deployment {name}: it was deleted",
        f"Put back Deployment {name}: somebody had changed it",
        f"Put back Secret {NAME}-redis: it was deleted",
    ]
    counts = {event["message"]: event["count"] for event in situation.all("Event") if "Put back" in event["message"]}
    assert counts[f"Put back Deployment {name}: somebody had changed it"] >= 7


def test_somebody_who_does_not_give_in_is_told_of(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.becomes("Ready", "True", "Suspended")

    def quarrel() -> bool:
        situation.patch("Deployment", f"{NAME}-firehose", {"spec": {"paused": True}})
        return "ChildContested" in [reason for reason, _ in situation.events()]

    eventually(quarrel, seconds=30)
    time.sleep(1)
    assert situation.deployment()["spec"].get("paused") is True


def _is_right(situation: Situation, wanted: dict[str, Any]) -> bool:
    found = situation.deployment()
    labels = found["metadata"].get("labels", {})
    return (
        found["spec"] == wanted
        and labels.get("sluice.dev/relay") == NAME
        and labels.get("app.kubernetes.io/managed-by") == "sluice-operator"
        and bool(found["metadata"].get("ownerReferences"))
    )


def test_what_others_add_stays(situation: Situation) -> None:
    """Such as the annotation of `kubectl rollout restart`, or a label of the user's."""
    situation.apply_relay()
    situation.stream()
    situation.kubectl("rollout", "restart", f"deployment/{NAME}-firehose")
    situation.kubectl("label", "deployment", f"{NAME}-firehose", "team=data")
    time.sleep(4)
    found = situation.deployment()
    assert "kubectl.kubernetes.io/restartedAt" in found["spec"]["template"]["metadata"]["annotations"]
    assert found["metadata"]["labels"]["team"] == "data"
    assert situation.status()["restarts"]["count"] == 0
    assert not [reason for reason, _ in situation.events() if reason == "ChildRestored"]


def test_suspend_and_resume(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    situation.apply_relay(suspend=True)
    situation.becomes("Ready", "True", "Suspended")
    assert situation.condition("Suspended") == ("True", "Suspended")
    assert situation.deployment()["spec"]["replicas"] == 0
    assert situation.status()["firehose"]["cursor"] == "6322875401"
    situation.apply_relay(suspend=False)
    situation.becomes("Ready", "False", "PodNotRunning")
    situation.stream()
    assert situation.condition("Suspended") is None
    assert situation.status()["restarts"]["count"] == 0
    reasons = [reason for reason, _ in situation.events()]
    assert {"Suspended", "Resumed"} <= set(reasons)


def test_deleting_a_relay_leaves_nothing(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    began = time.monotonic()
    situation.kubectl("delete", "relay", NAME, "--timeout=10s")
    assert time.monotonic() - began < 5
    eventually(lambda: not situation.names("Deployment", "ReplicaSet", "Pod", "Secret"), seconds=30)
    time.sleep(4)
    assert not situation.names("Deployment", "Secret")


def test_restarts_are_counted_over_containers_and_pods(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    situation.run_pod(restarts=1, last=OOM)
    eventually(lambda: situation.status()["restarts"]["count"] == 1)
    assert situation.status()["restarts"]["lastReason"] == "OOMKilled"
    assert situation.status()["restarts"]["lastExitCode"] == 137
    assert situation.condition("Stable") == ("False", "RestartedRecently")

    situation.delete("Pod", situation.pod()["metadata"]["name"])
    eventually(lambda: situation.status()["restarts"]["count"] == 2)
    assert situation.status()["restarts"]["lastReason"] == "PodReplaced"

    evicted = situation.pod()["metadata"]["name"]
    situation.patch("Pod", evicted, {"status": {"phase": "Failed", "reason": "Evicted"}}, subresource="status")
    eventually(lambda: situation.status()["restarts"]["count"] == 3)
    assert situation.status()["restarts"]["lastReason"] == "Evicted"

    situation.apply_relay(batch={"size": 100})
    situation.stream()
    assert situation.status()["restarts"]["count"] == 3
    told = [message for reason, message in situation.events() if reason == "Restarted"]
    assert "The ingester was restarted: OOMKilled, exit code 137" in told


def test_a_crash_loop_is_stalled_until_a_start_has_proved_itself(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.pod()
    situation.set_container(pod, restarts=4, last=ERROR, waiting={"reason": "CrashLoopBackOff"})
    situation.becomes("Stalled", "True", "CrashLoop")
    situation.run_pod(restarts=5, last=ERROR)
    situation.report(State.STREAMING)
    time.sleep(4)
    assert situation.condition("Stalled") == ("True", "CrashLoop")
    situation.apply_relay(batch={"size": 100})
    situation.becomes("Ready", "False", "PodNotRunning")
    assert situation.condition("Stalled") is None


def test_an_image_that_may_not_be_pulled(situation: Situation) -> None:
    situation.apply_relay(image="nowhere.example/sluice:0")
    pod = situation.pod()
    waiting = {"reason": "ErrImageNeverPull", "message": "Container image is not present"}
    situation.set_container(pod, waiting=waiting)
    situation.becomes("Stalled", "True", "ImagePullFailed")
    message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Stalled")
    assert "nowhere.example/sluice:0" in message
    assert situation.condition("Reconciling") is None


def test_quota(situation: Situation) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": situation.namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    situation.control_plane.apply(quota)
    # The quota's own controller does not run here.
    status = {"hard": {"pods": "0"}, "used": {"pods": "0"}}
    situation.patch("ResourceQuota", "none", {"status": status}, subresource="status")
    situation.apply_relay()
    situation.becomes("Ready", "False", "PodRefused")
    assert situation.condition("Reconciling") == ("True", "PodRefused")


class TestSecrets:
    SPEC = {"redis": {"secretRef": {"name": "mine"}}}  # noqa: RUF012

    def test_one_that_comes_late(self, situation: Situation) -> None:
        situation.apply_relay(**self.SPEC)
        situation.becomes("Ready", "False", "SecretMissing")
        assert situation.condition("Reconciling") == ("True", "SecretMissing")
        with pytest.raises(ApiError, match="not found"):
            situation.deployment()
        situation.apply_secret("mine", other="x")
        eventually(lambda: "has no key url" in json.dumps(situation.status()))
        situation.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0")
        situation.stream()

    def test_a_change_rolls_the_pod(self, situation: Situation) -> None:
        url = f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0"
        situation.apply_secret("mine", url=url)
        situation.apply_relay(**self.SPEC)
        before = situation.stream()
        situation.apply_secret("mine", url=f"{url}?client_name=x")
        eventually(lambda: situation.pod()["metadata"]["uid"] != before["metadata"]["uid"])
        situation.stream()
        assert "SecretChanged" in [reason for reason, _ in situation.events()]
        assert situation.status()["restarts"]["count"] == 0

    def test_one_that_goes_leaves_the_pod_alone(self, situation: Situation) -> None:
        situation.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0")
        situation.apply_relay(**self.SPEC)
        before = situation.stream()
        situation.delete("Secret", "mine")
        situation.becomes("Ready", "False", "SecretMissing")
        assert situation.pod()["metadata"]["uid"] == before["metadata"]["uid"]

    def test_the_operators_own_is_removed_when_it_is_wanted_no_longer(self, situation: Situation) -> None:
        situation.apply_relay()
        eventually(lambda: situation.get("Secret", f"{NAME}-redis"))
        situation.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0")
        situation.apply_relay(**self.SPEC)
        eventually(lambda: situation.names("Secret") == ["mine"])

    def test_a_wrong_password(self, situation: Situation) -> None:
        situation.apply_secret("mine", url=f"redis://:wr0ng@127.0.0.1:{situation.sink.port}/0")
        situation.apply_relay(**self.SPEC)
        situation.run_pod()
        situation.becomes("SinkWritable", "False", "SinkUnauthorized")
        situation.becomes("Ready", "False", "SinkUnauthorized")
        assert "wr0ng" not in json.dumps(situation.status())


def test_redis_down_and_back(situation: Situation, own_redis: Callable[..., RedisServer]) -> None:
    situation.sink = own_redis()
    situation.apply_secret("mine", url=situation.sink.url)
    situation.apply_relay(redis={"secretRef": {"name": "mine"}}, health={"degradedAfterSeconds": 6})
    pod = situation.stream()
    situation.sink.kill()
    situation.becomes("SinkWritable", "False", "SinkUnreachable")
    assert situation.condition("Ready") == ("True", "SinkUnreachable")
    situation.becomes("Ready", "False", "SinkUnreachable")
    assert situation.condition("Stalled") is None
    situation.sink.start()
    situation.store(7)
    situation.report(State.STREAMING, pod=pod)
    situation.becomes("Ready", "True", "Streaming")
    reasons = [reason for reason, _ in situation.events()]
    assert {"BackpressureOn", "NotReady", "BackpressureOff"} <= set(reasons)


def test_a_source_that_flaps_and_one_that_stays_away(situation: Situation) -> None:
    situation.apply_relay(health={"degradedAfterSeconds": 6})
    situation.stream()
    situation.report(State.WAITING, "ConnectionLost", "the source closed the connection")
    situation.becomes("Connected", "False", "ConnectionLost")
    assert situation.condition("Ready") == ("True", "Reconnecting")
    situation.report(State.STREAMING)
    situation.becomes("Connected", "True", "Streaming")
    situation.report(State.WAITING, "ConnectionLost", "the source closed the connection")
    situation.becomes("Ready", "False", "SourceUnavailable")
    assert situation.condition("Stalled") is None
    assert situation.condition("Reconciling") is None


def test_a_child_of_that_name_that_belongs_to_somebody_else_is_left_alone(situation: Situation) -> None:
    labels = {"app": "other"}
    other = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{NAME}-firehose", "namespace": situation.namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    }
    situation.control_plane.apply(other)
    situation.apply_relay()
    situation.becomes("Stalled", "True", "ChildConflict")
    assert situation.deployment()["spec"]["selector"] == {"matchLabels": labels}
    situation.delete("Deployment", f"{NAME}-firehose")
    situation.becomes("Ready", "False", "PodNotRunning")


def test_what_the_api_server_refuses_is_told_and_not_tried_all_the_time(situation: Situation) -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": situation.namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["deployments"],
                    }
                ],
            },
            "validations": [{"expression": "has(object.metadata.labels.team)", "message": "a team is required"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": situation.namespace},
        "spec": {
            "policyName": situation.namespace,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": situation.namespace}}
            },
        },
    }
    situation.control_plane.apply(policy, binding)
    try:
        time.sleep(2)
        situation.apply_relay()
        situation.becomes("Stalled", "True", "ChildRefused")
        message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Stalled")
        assert "a team is required" in message
    finally:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            situation.control_plane.request("DELETE", path_of(kind, None, situation.namespace))
    time.sleep(2)
    situation.apply_relay(batch={"size": 100})  # what is wanted otherwise is tried at once
    situation.becomes("Ready", "False", "PodNotRunning")


def test_steady_state_writes_nothing(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.stream()
    situation.report(State.STREAMING, pod=pod)
    time.sleep(5)
    before = {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in _all(situation)}
    for _ in range(6):
        time.sleep(1)
        situation.report(State.STREAMING, pod=pod)
    after = {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in _all(situation)}
    assert after == before


def _all(situation: Situation) -> list[Any]:
    return situation.all("Relay", "Deployment", "ReplicaSet", "Pod", "Secret", "Event")


def test_metrics_and_memory(situation: Situation, operator: OperatorProcess) -> None:
    situation.apply_relay()
    situation.stream()
    labels = f'{{kind="Relay",name="{NAME}",namespace="{situation.namespace}"}}'
    eventually(lambda: f"sluice_resource_ready{labels} 1.0" in operator.get("metrics")[1])
    text = operator.get("metrics")[1]
    assert f"sluice_resource_restarts_total{labels} 0.0" in text
    assert 'sluice_reconcile_total{kind="Relay",result="success"}' in text
    assert operator.get("livez") == (200, "alive\n")
    assert operator.memory < 128 * 2**20


def test_it_needs_no_right_that_it_was_not_given(situation: Situation, operator: OperatorProcess) -> None:
    """The tests above have used all that it does, with the rights of `conftest.RULES`."""
    situation.apply_relay()
    situation.stream()
    assert f'User "{OPERATOR}" cannot' not in operator.log
