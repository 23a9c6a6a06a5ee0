"""The operator removes fields that others set in its children, on a real API server, with every kind of write."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.operator.control_plane import OPERATOR, Manifest, path_of
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.operator.test_pod_template import FULL

CHILD = f"{NAME}-firehose"
INGESTER = "/spec/template/spec/containers/0"
Edit = Callable[[Situation], object]


def merge(patch: Manifest) -> Edit:
    return lambda situation: situation.patch("Deployment", CHILD, patch)


def strategic(pod: Manifest) -> Edit:
    patch = {"spec": {"template": {"spec": pod}}}
    return lambda situation: request(situation, "PATCH", patch, "application/strategic-merge-patch+json")


def json_patch(*operations: Manifest) -> Edit:
    return lambda situation: request(situation, "PATCH", list(operations), "application/json-patch+json")


def add(pointer: str, value: object) -> Edit:
    return json_patch({"op": "add", "path": pointer, "value": value})


def applied(pod: Manifest) -> Edit:
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": CHILD},
        "spec": {"template": {"spec": pod}},
    }
    return lambda situation: request(
        situation, "PATCH", manifest, "application/apply-patch+yaml", query="?fieldManager=stranger&force=true"
    )


def updated(change: Callable[[Manifest], object]) -> Edit:
    def edit(situation: Situation) -> Any:
        found = situation.deployment()
        change(found)
        return request(situation, "PUT", found, "application/json")

    return lambda situation: eventually(lambda: edit(situation))  # the Deployment controller may write meanwhile


def request(situation: Situation, method: str, body: object, kind: str, *, query: str = "") -> Any:
    path = path_of("Deployment", situation.namespace, CHILD)
    return situation.control_plane.request(method, path + (query or "?fieldManager=stranger"), body, kind=kind)


def container(**fields: Any) -> Manifest:
    return {"containers": [{"name": "ingester", **fields}]}


EDITS: dict[str, Edit] = {
    "a variable, as kubectl set env": strategic(container(env=[{"name": "HTTP_PROXY", "value": "http://hunter2"}])),
    "a variable, applied": applied(container(env=[{"name": "HTTPS_PROXY", "value": "http://hunter2"}])),
    "a value of the operator, applied": applied(container(env=[{"name": "INGESTER_BATCH_SIZE", "value": "7"}])),
    "a variable before those of the operator": add(f"{INGESTER}/env/0", {"name": "FIRST", "value": "1"}),
    "arguments": add(f"{INGESTER}/args", ["--debug"]),
    "a working directory": strategic(container(workingDir="/tmp")),  # noqa: S108
    "a container": strategic({"containers": [{"name": "sidecar", "image": "mesh"}]}),
    "an init container": applied({"initContainers": [{"name": "init", "image": "mesh"}]}),
    "a volume and its mount": strategic(
        {
            "volumes": [{"name": "more", "emptyDir": {}}],
            **container(volumeMounts=[{"name": "more", "mountPath": "/more"}]),
        }
    ),
    "another user": strategic({"securityContext": {"runAsUser": 1234}}),
    "a right": strategic(container(securityContext={"capabilities": {"add": ["NET_BIND_SERVICE"]}})),
    "another resource limit": strategic(container(resources={"limits": {"cpu": "1"}})),
    "a probe's time": strategic(container(livenessProbe={"initialDelaySeconds": 60})),
    "a hook": strategic(container(lifecycle={"preStop": {"exec": {"command": ["sleep", "60"]}}})),
    "a host's network": merge({"spec": {"template": {"spec": {"hostNetwork": True}}}}),
    "a default of the API server": merge({"spec": {"template": {"spec": {"schedulerName": "other"}}}}),
    "a node": strategic({"nodeName": "one"}),
    "a toleration": add("/spec/template/spec/tolerations", [{"operator": "Exists"}]),
    "an annotation of the pod": merge({"spec": {"template": {"metadata": {"annotations": {"reloaded": "now"}}}}}),
    "a label of the pod": merge({"spec": {"template": {"metadata": {"labels": {"team": "data"}}}}}),
    "a history": merge({"spec": {"revisionHistoryLimit": 0, "minReadySeconds": 9}}),
    "another strategy": merge({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}}}),
    "all at once": updated(
        lambda found: (
            found["spec"].update(replicas=2, paused=True, progressDeadlineSeconds=7),
            found["spec"]["template"]["spec"]["containers"][0].update(image="other", stdin=True, env=[]),
        )
    ),
}


@pytest.mark.parametrize("spec", [{}, {"podTemplate": FULL}], ids=["bare", "full"])
def test_a_foreign_field_is_removed(situation: Situation, spec: Manifest) -> None:
    situation.apply_relay(suspend=True, **spec)
    situation.wait_condition("Ready", "True", "Suspended")
    wanted = situation.deployment()["spec"]
    for name, edit in EDITS.items():
        generation = situation.deployment()["metadata"]["generation"]
        edit(situation)

        def is_back(generation: int = generation) -> bool:
            found = situation.deployment()
            return found["metadata"]["generation"] > generation and found["spec"] == wanted

        eventually(is_back)
        assert situation.deployment()["spec"] == wanted, name
    assert situation.condition("ChildrenContested") is None
    events = json.dumps(situation.events())
    assert "hunter2" not in events
    assert "field manager stranger" in events


def test_the_event_names_the_removed_fields(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")
    EDITS["a variable, as kubectl set env"](situation)
    (message,) = eventually(lambda: situation.event_messages("ChildRestored"))
    assert message == (
        f"Put back Deployment {CHILD}: spec.template.spec.containers[ingester].env[HTTP_PROXY] was a value that is not "
        "shown, set by field manager stranger; to keep a value, set it in spec.podTemplate.env"
    )


def test_a_foreign_field_is_removed_with_a_change_of_the_spec(situation: Situation) -> None:
    situation.apply_relay(suspend=True, podTemplate={"env": [{"name": "A", "value": "1"}]})
    situation.wait_condition("Ready", "True", "Suspended")
    applied(container(env=[{"name": "A", "value": "1"}]))(situation)  # now two managers own the field
    situation.apply_relay(suspend=True, deployment={"labels": {"team": "data"}})
    eventually(lambda: situation.deployment()["metadata"]["labels"].get("team") == "data")
    env = {item["name"] for item in situation.template()["spec"]["containers"][0]["env"]}
    assert "A" not in env
    situation.apply_relay(suspend=True)
    eventually(lambda: "team" not in situation.deployment()["metadata"]["labels"])


def test_former_fields_of_the_operator_are_removed_and_foreign_metadata_stays(situation: Situation) -> None:
    situation.apply_relay(
        suspend=True, deployment={"labels": {"team": "data"}, "annotations": {"example.com/owner": "data"}}
    )
    situation.wait_condition("Ready", "True", "Suspended")
    found = situation.deployment()["metadata"]
    assert (found["labels"]["team"], found["annotations"]["example.com/owner"]) == ("data", "data")
    uid = found["uid"]
    situation.patch("Deployment", CHILD, {"metadata": {"labels": {"other": "x"}, "annotations": {"other": "x"}}})
    situation.patch("Deployment", CHILD, {"spec": {"paused": True}})
    eventually(lambda: "paused" not in situation.deployment()["spec"])
    situation.apply_relay(suspend=True)
    eventually(lambda: "team" not in situation.deployment()["metadata"]["labels"])
    found = situation.deployment()["metadata"]
    assert "example.com/owner" not in found["annotations"]
    assert (found["labels"]["other"], found["annotations"]["other"], found["uid"]) == ("x", "x", uid)
    log = situation.control_plane.audit.from_now()
    situation.wait_reconciled()
    assert [one for one in log.writes(OPERATOR) if (one.namespace, one.name) == (situation.namespace, CHILD)] == []
