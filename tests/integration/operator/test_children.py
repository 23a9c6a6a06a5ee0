"""Deployments and Secrets on a real API server: the operator restores what others change or delete."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.integration.operator.control_plane import ApiServerError
from tests.integration.operator.refused_deployments import MESSAGE, deployments_refused
from tests.integration.operator.situation import NAME, Situation, eventually, now

SOON = 15
"""Seconds, for a busy machine: long before the next resync."""


def took(action: Callable[[], Any], attempt: Callable[[], Any]) -> float:
    """The seconds from the end of `action` until `attempt` is true."""
    action()
    began = time.monotonic()
    eventually(attempt)
    return time.monotonic() - began


def test_deleted_and_edited_children_are_restored_within_seconds(situation: Situation) -> None:
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
        < SOON
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
        assert took(partial(edit, patch), partial(_is_right, situation, wanted)) < SOON, patch
    assert (
        took(
            lambda: situation.delete("Secret", "sluice-redis-url"),
            lambda: situation.get("Secret", "sluice-redis-url"),
        )
        < SOON
    )
    # Each Event follows some time after the change.
    eventually(lambda: "Restored Secret sluice-redis-url: it was deleted" in situation.event_messages("ChildRestored"))
    assert f"Restored Deployment {name}: it was deleted" in situation.event_messages("ChildRestored")


def test_after_a_refusal_an_edited_child_is_restored_at_once(situation: Situation) -> None:
    """A refusal does not delay a write with other content."""
    situation.apply_relay()
    situation.stream()
    with deployments_refused(situation):
        situation.apply_relay(batch={"size": 101})
        situation.wait_condition("Stalled", "True", "ChildRefused")
    edit = partial(situation.patch, "Deployment", f"{NAME}-firehose", {"spec": {"replicas": 3}})
    assert took(edit, lambda: situation.deployment()["spec"]["replicas"] == 1) < SOON


def test_a_repeated_edit_is_reported_as_contested(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")
    situation.contest_deployment()
    time.sleep(1)
    assert situation.deployment()["spec"].get("paused") is True
    situation.apply_relay(suspend=True, batch={"size": 123})
    situation.wait_condition("Ready", "True", "Suspended")
    env = situation.deployment()["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "INGESTER_BATCH_SIZE", "value": "123"} in env, "Ready speaks of a spec that nothing was made of"


def _is_right(situation: Situation, wanted: dict[str, Any]) -> bool:
    found = situation.deployment()
    labels = found["metadata"].get("labels", {})
    return (
        found["spec"] == wanted
        and labels.get("sluice.dev/relay") == NAME
        and labels.get("app.kubernetes.io/managed-by") == "sluice-operator"
        and bool(found["metadata"].get("ownerReferences"))
    )


def test_fields_that_others_add_stay(situation: Situation) -> None:
    """For example the annotation of `kubectl rollout restart`, or a user's label."""
    situation.apply_relay()
    situation.stream()
    situation.kubectl("rollout", "restart", f"deployment/{NAME}-firehose")
    situation.kubectl("label", "deployment", f"{NAME}-firehose", "team=data")
    situation.wait_reconciled()
    found = situation.deployment()
    assert "kubectl.kubernetes.io/restartedAt" in found["spec"]["template"]["metadata"]["annotations"]
    assert found["metadata"]["labels"]["team"] == "data"
    assert situation.status()["restarts"]["count"] == 0
    assert not situation.event_messages("ChildRestored")


def test_a_deleted_relay_leaves_no_children(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    began = time.monotonic()
    situation.kubectl("delete", "relay", NAME, "--timeout=30s")
    assert time.monotonic() - began < SOON
    eventually(lambda: not situation.names("Deployment", "ReplicaSet", "Pod", "Secret"))
    situation.wait_others_reconciled()
    assert not situation.names("Deployment", "Secret")


class TestSecrets:
    SPEC = {"redis": {"secretRef": {"name": "mine"}}}  # noqa: RUF012

    def test_a_secret_that_is_created_later(self, situation: Situation) -> None:
        situation.apply_relay(**self.SPEC)
        situation.wait_condition("Ready", "False", "SecretMissing")
        assert situation.condition("Reconciling") == ("True", "SecretMissing")
        with pytest.raises(ApiServerError, match="not found"):
            situation.deployment()
        situation.apply_secret("mine", other="x")
        eventually(lambda: "has no key url" in json.dumps(situation.status()))
        situation.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0")
        situation.stream()

    def test_a_changed_secret_replaces_the_pod(self, situation: Situation) -> None:
        url = f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0"
        situation.apply_secret("mine", url=url)
        situation.apply_relay(**self.SPEC)
        before = situation.stream()
        situation.apply_secret("mine", url=f"{url}?db=0")
        eventually(lambda: situation.pod()["metadata"]["uid"] != before["metadata"]["uid"])
        situation.stream()
        situation.wait_events("SecretChanged")
        assert situation.status()["restarts"]["count"] == 0

    def test_a_changed_secret_is_reported_when_the_pod_is_replaced(self, situation: Situation) -> None:
        url = f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0"
        situation.apply_secret("mine", url=url)
        situation.apply_relay(**self.SPEC)
        situation.stream()
        with deployments_refused(situation):
            situation.apply_secret("mine", url=f"{url}?db=0")
            situation.wait_condition("Stalled", "True", "ChildRefused")
            situation.wait_reconciled(10)
            assert situation.event_messages("SecretChanged") == []
            situation.apply_relay(**self.SPEC, podTemplate={"annotations": {"another": "try"}})
            situation.wait_reconciled(10)
            assert situation.event_messages("SecretChanged") == []
        situation.wait_events("SecretChanged")
        (event,) = [event for event in situation.all("Event") if event["reason"] == "SecretChanged"]
        assert event["count"] == 1

    def test_a_deleted_secret_does_not_change_the_pod(self, situation: Situation) -> None:
        situation.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0")
        situation.apply_relay(**self.SPEC)
        before = situation.stream()
        situation.delete("Secret", "mine")
        situation.wait_condition("Ready", "False", "SecretMissing")
        assert situation.pod()["metadata"]["uid"] == before["metadata"]["uid"]

    def test_the_operators_own_secret_is_deleted_when_it_is_not_needed(self, situation: Situation) -> None:
        situation.apply_relay()
        eventually(lambda: situation.get("Secret", "sluice-redis-url"))
        situation.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0")
        situation.apply_relay(**self.SPEC)
        eventually(lambda: situation.names("Secret") == ["mine"])

    def test_a_wrong_password(self, situation: Situation) -> None:
        situation.apply_secret("mine", url=f"redis://:wr0ng@127.0.0.1:{situation.sink.port}/0")
        situation.apply_relay(**self.SPEC)
        situation.run_pod()
        situation.wait_condition("SinkWritable", "False", "SinkUnauthorized")
        situation.wait_condition("Ready", "False", "SinkUnauthorized")
        assert "wr0ng" not in json.dumps(situation.status())


def test_a_foreign_deployment_with_the_childs_name_is_not_changed(situation: Situation) -> None:
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
    situation.wait_condition("Stalled", "True", "ChildConflict")
    assert situation.deployment()["spec"]["selector"] == {"matchLabels": labels}
    situation.delete("Deployment", f"{NAME}-firehose")
    situation.wait_condition("Ready", "False", "PodNotRunning")


class TestRecreatedResource:
    """A resource that is deleted and created again at once, by `kubectl replace --force` or a GitOps tool."""

    def test_it_waits_until_the_children_of_the_former_resource_are_deleted(self, situation: Situation) -> None:
        situation.apply_relay()
        created = situation.stream()["metadata"]["creationTimestamp"]
        former = situation.deployment()["metadata"]["uid"]
        eventually(lambda: now() > created)  # creation timestamps decide to which resource a pod belongs
        # The finalizer delays the garbage collector.
        situation.patch("Deployment", situation.child, {"metadata": {"finalizers": ["sluice.dev/test"]}})
        situation.delete("Relay", NAME)
        situation.apply_relay()
        situation.wait_condition("Reconciling", "True", "Progressing")
        assert "image" not in situation.status(), "the last status of the former resource"
        messages = [item["message"] for item in situation.status()["conditions"] if item["type"] == "Ready"]
        assert "a former resource of this kind and name" in messages[0]
        situation.patch("Deployment", situation.child, {"metadata": {"finalizers": None}})
        eventually(lambda: situation.deployment()["metadata"]["uid"] != former)
        uid = situation.relay()["metadata"]["uid"]
        secret = "sluice-redis-url"
        eventually(lambda: situation.get("Secret", secret)["metadata"]["ownerReferences"][0]["uid"] == uid)
        situation.stream()
        assert situation.status()["restarts"]["count"] == 0, "the pod of the former resource does not count"
        assert (
            not situation.event_messages("Restarted")
            + situation.event_messages("ChildRestored")
            + situation.event_messages("Stalled")
        )

    def test_orphaned_children_are_adopted(self, situation: Situation) -> None:
        situation.apply_relay()
        situation.stream()
        former = situation.deployment()["metadata"]["uid"]
        situation.kubectl("delete", "relays.sluice.dev", NAME, "--cascade=orphan")
        situation.apply_relay()
        situation.wait_condition("Ready", "True", "Streaming")
        assert situation.deployment()["metadata"]["uid"] == former
        owners = situation.deployment()["metadata"]["ownerReferences"]
        assert [owner["uid"] for owner in owners] == [situation.relay()["metadata"]["uid"]]
        assert not situation.event_messages("Restarted") + situation.event_messages("Stalled")


def test_a_refused_child_is_reported_and_not_retried_constantly(situation: Situation) -> None:
    with deployments_refused(situation):
        situation.apply_relay()
        situation.wait_condition("Stalled", "True", "ChildRefused")
        message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Stalled")
        assert MESSAGE in message
    situation.apply_relay(batch={"size": 100})  # another spec is tried at once
    situation.wait_condition("Ready", "False", "PodNotRunning")
