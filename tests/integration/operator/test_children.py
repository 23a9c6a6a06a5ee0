"""Deployments and Secrets on a real API server: kept as they should be, whoever does what to them."""

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
"""Seconds, for a busy machine: long before a resync would find it."""


def took(action: Callable[[], Any], attempt: Callable[[], Any]) -> float:
    """Seconds from the end of `action` until `attempt` is true."""
    action()
    began = time.monotonic()
    eventually(attempt)
    return time.monotonic() - began


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
            lambda: situation.delete("Secret", f"{NAME}-relay-redis-url"),
            lambda: situation.get("Secret", f"{NAME}-relay-redis-url"),
        )
        < SOON
    )
    # Each is told some time after it was done.
    eventually(
        lambda: f"Put back Secret {NAME}-relay-redis-url: it was deleted" in situation.event_messages("ChildRestored")
    )
    assert f"Put back Deployment {name}: it was deleted" in situation.event_messages("ChildRestored")


def test_what_was_refused_is_tried_again_as_soon_as_something_else_is_there(situation: Situation) -> None:
    """A write may be refused for what somebody changes in that moment: it is no reason to wait with the next."""
    situation.apply_relay()
    situation.stream()
    with deployments_refused(situation):
        situation.apply_relay(batch={"size": 101})
        situation.wait_condition("Stalled", "True", "ChildRefused")
    edit = partial(situation.patch, "Deployment", f"{NAME}-firehose", {"spec": {"replicas": 3}})
    assert took(edit, lambda: situation.deployment()["spec"]["replicas"] == 1) < SOON


def test_somebody_who_does_not_give_in_is_told_of(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")

    def quarrel() -> bool:
        situation.patch("Deployment", f"{NAME}-firehose", {"spec": {"paused": True}})
        return bool(situation.event_messages("ChildContested"))

    eventually(quarrel)
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


def test_what_others_add_stays(situation: Situation) -> None:
    """Such as the annotation of `kubectl rollout restart`, or a label of the user's."""
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


def test_deleting_a_relay_leaves_nothing(situation: Situation) -> None:
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

    def test_one_that_comes_late(self, situation: Situation) -> None:
        situation.apply_relay(**self.SPEC)
        situation.wait_condition("Ready", "False", "SecretMissing")
        assert situation.condition("Reconciling") == ("True", "SecretMissing")
        with pytest.raises(ApiServerError, match="not found"):
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
        situation.apply_secret("mine", url=f"{url}?db=0")
        eventually(lambda: situation.pod()["metadata"]["uid"] != before["metadata"]["uid"])
        situation.stream()
        situation.wait_events("SecretChanged")
        assert situation.status()["restarts"]["count"] == 0

    def test_a_change_is_told_when_the_pod_is_rolled_and_not_before(self, situation: Situation) -> None:
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

    def test_one_that_goes_leaves_the_pod_alone(self, situation: Situation) -> None:
        situation.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0")
        situation.apply_relay(**self.SPEC)
        before = situation.stream()
        situation.delete("Secret", "mine")
        situation.wait_condition("Ready", "False", "SecretMissing")
        assert situation.pod()["metadata"]["uid"] == before["metadata"]["uid"]

    def test_the_operators_own_is_removed_when_it_is_wanted_no_longer(self, situation: Situation) -> None:
        situation.apply_relay()
        eventually(lambda: situation.get("Secret", f"{NAME}-relay-redis-url"))
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
    situation.wait_condition("Stalled", "True", "ChildConflict")
    assert situation.deployment()["spec"]["selector"] == {"matchLabels": labels}
    situation.delete("Deployment", f"{NAME}-firehose")
    situation.wait_condition("Ready", "False", "PodNotRunning")


class TestMadeAnew:
    """One that is deleted and made again at once, by `kubectl replace --force` or a GitOps tool."""

    def test_it_waits_for_the_end_of_the_former_ones_children(self, situation: Situation) -> None:
        situation.apply_relay()
        created = situation.stream()["metadata"]["creationTimestamp"]
        former = situation.deployment()["metadata"]["uid"]
        eventually(lambda: now() > created)  # whose pod it is, is told by such times
        # The garbage collector takes its time.
        situation.patch("Deployment", situation.child, {"metadata": {"finalizers": ["sluice.dev/test"]}})
        for _ in range(10):
            situation.delete("Relay", NAME)
            situation.apply_relay()
            situation.wait_condition("Reconciling", "True", "Progressing")
            if "image" not in situation.status():
                break  # else a last status of the former one came after its end: the API server does not check the uid
        messages = [item["message"] for item in situation.status()["conditions"] if item["type"] == "Ready"]
        assert "a former resource of this kind and name" in messages[0]
        situation.patch("Deployment", situation.child, {"metadata": {"finalizers": None}})
        eventually(lambda: situation.deployment()["metadata"]["uid"] != former)
        uid = situation.relay()["metadata"]["uid"]
        secret = f"{NAME}-relay-redis-url"
        eventually(lambda: situation.get("Secret", secret)["metadata"]["ownerReferences"][0]["uid"] == uid)
        situation.stream()
        assert situation.status()["restarts"]["count"] == 0, "the former one's pod was none of its own"
        assert (
            not situation.event_messages("Restarted")
            + situation.event_messages("ChildRestored")
            + situation.event_messages("Stalled")
        )

    def test_children_that_were_left_behind_on_purpose_become_its_own(self, situation: Situation) -> None:
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


def test_what_the_api_server_refuses_is_told_and_not_tried_all_the_time(situation: Situation) -> None:
    with deployments_refused(situation):
        situation.apply_relay()
        situation.wait_condition("Stalled", "True", "ChildRefused")
        message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Stalled")
        assert MESSAGE in message
    situation.apply_relay(batch={"size": 100})  # what is wanted otherwise is tried at once
    situation.wait_condition("Ready", "False", "PodNotRunning")
