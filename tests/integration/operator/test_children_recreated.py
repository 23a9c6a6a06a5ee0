"""A child with an immutable difference is created again if the operator owns it; else the status names a command."""

import json

import pytest

from sluice_redis.contract import SourceState
from tests.integration.operator.control_plane import Manifest, path_of
from tests.integration.operator.situation import NAME, Situation, eventually

CHILD = f"{NAME}-firehose"
SECRET = "sluice-redis-url"
SERVER_SET = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
OURS = {"app.kubernetes.io/managed-by": "sluice-operator", "sluice.dev/relay": NAME}


def old_deployment(situation: Situation, *, labels: dict[str, str], replicas: int = 1) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": CHILD, "namespace": situation.namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "old"}},
            "template": {
                "metadata": {"labels": {"app": "old"}},
                "spec": {"containers": [{"name": "ingester", "image": "sluice:0"}]},
            },
        },
    }


def message_of(situation: Situation, kind: str) -> str:
    return next(item["message"] for item in situation.status()["conditions"] if item["type"] == kind)


def test_a_deployment_of_an_older_version_with_another_selector(situation: Situation) -> None:
    situation.control_plane.apply(old_deployment(situation, labels=OURS))
    before = situation.deployment()["metadata"]["uid"]
    eventually(lambda: [pod for pod in situation.all("Pod") if pod["metadata"]["labels"].get("app") == "old"])
    situation.apply_relay()
    eventually(lambda: situation.deployment()["metadata"]["uid"] != before)
    # Its pods end first, so that two never write.
    assert [pod for pod in situation.all("Pod") if pod["metadata"]["labels"].get("app") == "old"] == []
    situation.stream()
    (restored,) = [message for message in situation.event_messages("ChildRestored") if "created again" in message]
    assert "field is immutable" in restored


@pytest.mark.parametrize(
    "change",
    [
        {"immutable": True, "data": {"url": "eA=="}},
        {"metadata": {"labels": {"sluice.dev/relay": "other"}}, "immutable": True},
    ],
    ids=["its data", "its labels"],
)
def test_a_secret_that_became_immutable(situation: Situation, change: Manifest) -> None:
    situation.apply_relay()
    situation.pod()
    before = situation.get("Secret", SECRET)
    situation.patch("Secret", SECRET, change)

    def is_recreated() -> bool:
        found = situation.get("Secret", SECRET)
        return found["metadata"]["uid"] != before["metadata"]["uid"] and found["data"] == before["data"]

    eventually(is_recreated)
    assert "immutable" not in situation.get("Secret", SECRET)
    assert before["data"]["url"] not in json.dumps(situation.events())


def test_a_secret_of_another_type(situation: Situation) -> None:
    labels = {"metadata": {"name": SECRET, "namespace": situation.namespace, "labels": OURS}}
    situation.control_plane.apply({"apiVersion": "v1", "kind": "Secret", "type": "example.com/old", **labels})
    situation.apply_relay()
    eventually(lambda: situation.get("Secret", SECRET)["type"] == "Opaque")
    situation.stream()


def test_a_deployment_without_the_operators_labels(situation: Situation) -> None:
    labels = {"sluice.dev/relay": NAME}
    situation.control_plane.apply(old_deployment(situation, labels=labels, replicas=0))
    before = situation.deployment()["metadata"]["uid"]
    situation.apply_relay()
    situation.wait_condition("Stalled", "True", "ChildRefused")
    command = f"kubectl -n {situation.namespace} delete deployment {CHILD}"
    assert f"`{command}`" in message_of(situation, "Stalled")
    assert situation.deployment()["metadata"]["uid"] == before
    situation.kubectl(*command.split()[3:])
    situation.stream()


def test_a_foreign_deployment_is_not_changed_and_the_message_names_the_command(situation: Situation) -> None:
    manifest = old_deployment(situation, labels={"app": "theirs"}, replicas=0)
    situation.control_plane.apply(manifest)
    situation.apply_relay()
    situation.wait_condition("Stalled", "True", "ChildConflict")
    assert f"`kubectl -n {situation.namespace} delete deployment {CHILD}`" in message_of(situation, "Stalled")
    assert situation.deployment()["spec"]["selector"] == manifest["spec"]["selector"]


def test_objects_that_a_backup_tool_restores(situation: Situation) -> None:
    """The tool restores children first, with outdated owners, and the Relay last, without a status.

    The cursor is not set again.
    """
    cursor = {"position": "live", "nonce": "one"}
    situation.apply_relay(cursor=cursor)
    situation.stream()
    eventually(lambda: situation.status()["cursorReset"]["nonce"] == "one")
    situation.store(4711)
    saved = [situation.get("Secret", SECRET), *situation.all("Pod", "ReplicaSet"), situation.deployment()]
    kinds = ["Secret", "Pod", "ReplicaSet", "Deployment"]
    situation.kubectl("delete", "relay", NAME, "--timeout=60s")
    eventually(lambda: not situation.names("Deployment", "ReplicaSet", "Pod", "Secret"))
    for kind, item in zip(kinds, saved, strict=True):
        kept = {name: value for name, value in item["metadata"].items() if name not in SERVER_SET}
        body = {name: value for name, value in item.items() if name != "status"} | {"kind": kind, "metadata": kept}
        situation.control_plane.request("POST", path_of(kind, situation.namespace), body)
    situation.apply_relay(cursor=cursor)
    dead = saved[-1]["metadata"]["ownerReferences"][0]["uid"]
    eventually(lambda: situation.deployment()["metadata"]["ownerReferences"][0]["uid"] != dead)
    situation.run_pod()
    situation.report(SourceState.STREAMING)
    situation.wait_condition("Ready", "True", "Streaming")
    assert situation.redis.get(situation.keys.cursor) == "4711"
    assert situation.event_messages("ChildContested") == []
