"""The operator on a real API server with real controllers. The tests act as kubelet and ingester."""

import time
from collections.abc import Callable
from typing import Any

from sluice_redis.contract import SourceState
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.reconcile_request import wait_status_current
from tests.integration.operator.situation import ERROR, NAME, OOM, Situation, eventually
from tests.integration.redis_server import RedisServer


def test_from_nothing_to_streaming(situation: Situation) -> None:
    situation.apply_relay()
    situation.wait_condition("Ready", "False", "PodNotRunning")
    assert situation.condition("Reconciling") == ("True", "PodNotRunning")

    deployment = situation.deployment()
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == situation.relay()["metadata"]["uid"]
    secret = situation.get("Secret", "sluice-redis-url")
    assert secret["metadata"]["ownerReferences"][0]["uid"] == situation.relay()["metadata"]["uid"]

    situation.run_pod()
    situation.wait_condition("Ready", "False", "Connecting")
    situation.store(6_322_875_401)
    situation.report(SourceState.STREAMING)
    situation.wait_condition("Ready", "True", "Streaming")

    status = situation.status()
    types = {item["type"] for item in status["conditions"]}
    assert "Reconciling" not in types
    assert "Stalled" not in types
    assert status["firehose"]["cursor"] == "6322875401"
    assert status["host"] == situation.host
    assert status["restarts"]["count"] == 0
    table = situation.kubectl("get", "relays").splitlines()
    assert table[0].split() == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE", "REASON"]
    assert {"True", "Streaming", "6322875401", "0s", "12/s"} <= set(table[1].split()), table
    situation.wait_events("Created", "Connected", "Ready")


def test_the_operator_changes_only_the_status_of_a_relay(situation: Situation) -> None:
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


def test_suspend_and_resume(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")
    assert situation.condition("Suspended") == ("True", "Suspended")
    assert situation.deployment()["spec"]["replicas"] == 0
    assert situation.status()["firehose"]["cursor"] == "6322875401"
    situation.apply_relay(suspend=False)
    situation.wait_condition("Ready", "False", "PodNotRunning")
    situation.stream()
    assert situation.condition("Suspended") is None
    assert situation.status()["restarts"]["count"] == 0
    situation.wait_events("Suspended", "Resumed")


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
    assert situation.event_messages("OOMKilled") == [
        "The ingester was killed because it needed more memory than its limit, exit code 137: "
        "raise spec.podTemplate.resources.limits"
    ]


def test_a_crash_loop_is_stalled_until_a_start_is_stable(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.pod()
    situation.set_container(pod, restarts=4, last=ERROR, waiting={"reason": "CrashLoopBackOff"})
    situation.wait_condition("Stalled", "True", "CrashLoop")
    situation.run_pod(restarts=5, last=ERROR)
    situation.report(SourceState.STREAMING)
    situation.wait_reconciled()
    assert situation.condition("Stalled") == ("True", "CrashLoop")
    situation.apply_relay(batch={"size": 100})
    situation.wait_condition("Ready", "False", "PodNotRunning")
    assert situation.condition("Stalled") is None


def test_an_image_that_must_not_be_pulled(situation: Situation) -> None:
    situation.apply_relay(image="nowhere.example/sluice:0")
    pod = situation.pod()
    waiting = {"reason": "ErrImageNeverPull", "message": "Container image is not present"}
    situation.set_container(pod, waiting=waiting)
    situation.wait_condition("Stalled", "True", "ImagePullFailed")
    message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Stalled")
    assert "nowhere.example/sluice:0" in message
    assert situation.condition("Reconciling") is None


def test_a_pod_that_a_quota_refuses(situation: Situation) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": situation.namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    situation.control_plane.apply(quota)
    # The controller of quotas does not run here.
    status = {"hard": {"pods": "0"}, "used": {"pods": "0"}}
    situation.patch("ResourceQuota", "none", {"status": status}, subresource="status")
    situation.apply_relay()
    situation.wait_condition("Ready", "False", "PodRefused")
    assert situation.condition("Reconciling") == ("True", "PodRefused")


def test_redis_fails_and_recovers(situation: Situation, own_redis: Callable[..., RedisServer]) -> None:
    situation.sink = own_redis()
    situation.apply_secret("mine", url=situation.sink.url)
    situation.apply_relay(redis={"secretRef": {"name": "mine"}}, health={"degradedAfterSeconds": 6})
    pod = situation.stream()
    situation.sink.kill()
    situation.wait_condition("Ready", "True", "SinkUnreachable")  # for a while
    situation.wait_condition("Ready", "False", "SinkUnreachable")
    assert situation.condition("SinkWritable") == ("False", "SinkUnreachable")
    assert situation.condition("Stalled") is None
    situation.sink.start()
    situation.store(7)
    situation.report(SourceState.STREAMING, pod=pod)
    situation.wait_condition("Ready", "True", "Streaming")
    situation.wait_events("BackpressureOn", "NotReady", "BackpressureOff")


def test_a_source_that_flaps_and_then_stays_unavailable(situation: Situation) -> None:
    situation.apply_relay(health={"degradedAfterSeconds": 6})
    situation.stream()
    situation.report(SourceState.WAITING, "ConnectionLost", "the source closed the connection")
    situation.wait_condition("Ready", "True", "Reconnecting")  # for a while
    situation.report(SourceState.STREAMING)
    situation.wait_condition("Connected", "True", "Streaming")
    situation.report(SourceState.WAITING, "ConnectionLost", "the source closed the connection")
    situation.wait_condition("Ready", "False", "SourceUnavailable")
    assert situation.condition("Connected") == ("False", "ConnectionLost")
    assert situation.condition("Stalled") is None
    assert situation.condition("Reconciling") is None


def test_nothing_is_written_in_the_steady_state(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.stream()
    situation.report(SourceState.STREAMING, pod=pod)
    wait_status_current(situation)
    before = {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in _all(situation)}
    for _ in range(6):
        time.sleep(1)
        situation.report(SourceState.STREAMING, pod=pod)
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


def test_an_update_time_in_the_future_does_not_stop_the_numbers(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream(seq=12)
    ahead = {"status": {"firehose": {"updatedAt": "2099-01-01T00:00:00Z"}}}
    situation.patch("Relay", NAME, ahead, subresource="status")
    situation.store(13)
    # Half a minute later the silent ingester would cause a write with all numbers.
    eventually(lambda: situation.status()["firehose"]["cursor"] == "13", seconds=20)
