"""Others write the operator's fields, on a real API server: it stops writing them and reports it."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.operator.control_plane import OPERATOR, ApiServerError, Manifest
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.operator.webhook import set_field, webhook

CHILD = f"{NAME}-firehose"
CPU = "/spec/template/spec/containers/0/resources/requests/cpu"
SIDECAR = {"name": "a-proxy", "image": "proxy:1"}


def message_of(situation: Situation, kind: str = "ChildrenContested") -> str:
    return next(item["message"] for item in situation.status()["conditions"] if item["type"] == kind)


def writes_of(situation: Situation, log: Any) -> list[str]:
    found = [request for request in log.writes(OPERATOR) if request.namespace == situation.namespace]
    return [f"{request.verb} {request.resource}" for request in found if request.resource in {"deployments", "secrets"}]


def env_of(situation: Situation) -> dict[str, Manifest]:
    return {item["name"]: item for item in container(situation)["env"]}


def container(situation: Situation) -> Manifest:
    found = situation.template()["spec"]["containers"]
    return next(item for item in found if item["name"] == "ingester")


def test_a_field_that_admission_sets_is_reported_and_left(situation: Situation, tmp_path: Path) -> None:
    log = situation.control_plane.audit.from_now()
    with webhook(situation, tmp_path, set_field(CPU, "20m")):
        situation.apply_relay()
        situation.stream()
        situation.wait_condition("ChildrenContested", "True", "SetByAdmission")
        message = message_of(situation)
        for part in (".resources.requests.cpu is 20m and not 50m", "admission", "spec.podTemplate.resources"):
            assert part in message, message
        situation.wait_events("ChildContested")
        situation.wait_reconciled()
        # Only the Secret and the Deployment were created.
        assert writes_of(situation, log) == ["patch secrets", "patch deployments"]
        situation.wait_condition("Ready", "True", "Streaming")

        situation.apply_relay(image="sluice:2")
        eventually(lambda: container(situation)["image"] == "sluice:2")
        assert container(situation)["resources"]["requests"]["cpu"] == "20m"
        situation.patch("Deployment", CHILD, {"spec": {"replicas": 3}})
        eventually(lambda: situation.deployment()["spec"]["replicas"] == 1)
        situation.wait_condition("ChildrenContested", "True", "SetByAdmission")
        situation.wait_reconciled()
        assert writes_of(situation, log)[2:] == ["patch deployments"] * 2

        resources = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}
        situation.apply_relay(image="sluice:2", podTemplate={"resources": resources})
        eventually(lambda: situation.condition("ChildrenContested") is None)


def test_fields_that_admission_adds_stay(situation: Situation, tmp_path: Path) -> None:
    def inject(written: Manifest) -> list[Manifest] | None:
        names = [item["name"] for item in written["spec"]["template"]["spec"]["containers"]]
        add = {"op": "add", "path": "/spec/template/spec/containers/0", "value": SIDECAR}
        return None if "a-proxy" in names else [add]

    log = situation.control_plane.audit.from_now()
    with webhook(situation, tmp_path, inject):
        situation.apply_relay()
        eventually(lambda: "a-proxy" in message_of(situation))
        assert situation.condition("ChildrenContested") == ("True", "SetByAdmission")
        situation.wait_reconciled()
        assert writes_of(situation, log) == ["patch secrets", "patch deployments"]
        situation.patch("Deployment", CHILD, {"spec": {"paused": True}})
        eventually(lambda: "paused" not in situation.deployment()["spec"])
    names = [item["name"] for item in situation.template()["spec"]["containers"]]
    assert sorted(names) == ["a-proxy", "ingester"]


def test_a_field_that_admission_sets_to_another_value_each_time(situation: Situation, tmp_path: Path) -> None:
    """For example the time: another write would only create another pod."""

    def stamp(_: Manifest) -> list[Manifest]:
        path = "/spec/template/metadata/annotations/example.com~1at"
        return [{"op": "add", "path": path, "value": str(time.time_ns())}]

    with webhook(situation, tmp_path, stamp):
        situation.apply_relay()
        situation.stream()
        situation.wait_condition("ChildrenContested", "True", "SetByAdmission")
        situation.patch("Deployment", CHILD, {"spec": {"replicas": 3}})
        eventually(lambda: situation.deployment()["spec"]["replicas"] == 1)
        before = situation.template()["metadata"]["annotations"]
        # The request makes the operator forget what it has seen so far.
        situation.patch("Relay", NAME, {"metadata": {"annotations": {"sluice.dev/reconcile-requested-at": "now"}}})
        eventually(lambda: situation.status().get("lastHandledReconcileAt") == "now")
        log = situation.control_plane.audit.from_now()
        situation.wait_reconciled()
        assert writes_of(situation, log) == []
        assert situation.template()["metadata"]["annotations"] == before


def edit_repeatedly(
    situation: Situation, edit: Callable[[], object], is_reverted: Callable[[], bool], *, until: str
) -> None:
    """Repeat an edit each time the operator has reverted it, until the condition has the reason `until`."""

    def attempt() -> bool:
        if is_reverted():
            edit()
        return situation.condition("ChildrenContested") == ("True", until)

    eventually(attempt)


def test_a_reconcile_request_retries_a_contested_field_at_once(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")
    edit_repeatedly(
        situation,
        lambda: situation.patch("Deployment", CHILD, {"spec": {"paused": True}}),
        lambda: not situation.deployment()["spec"].get("paused"),
        until="Contested",
    )
    situation.patch("Relay", NAME, {"metadata": {"annotations": {"sluice.dev/reconcile-requested-at": "now"}}})
    eventually(lambda: not situation.deployment()["spec"].get("paused"))
    eventually(lambda: situation.condition("ChildrenContested") is None)


def test_a_deployment_that_is_deleted_repeatedly(situation: Situation) -> None:
    situation.apply_relay()
    situation.pod()
    log = situation.control_plane.audit.from_now()

    def delete() -> bool:
        with suppress(ApiServerError):  # it does not exist at the moment
            situation.delete("Deployment", CHILD)
        return situation.condition("Stalled") == ("True", "Contested")

    eventually(delete)
    assert len(writes_of(situation, log)) == 3
    assert situation.condition("Ready") == ("False", "Contested")
    assert "is deleted by somebody else again and again" in message_of(situation, "Stalled")
    situation.wait_events("ChildContested")


def test_a_secret_that_is_deleted_repeatedly(situation: Situation) -> None:
    """The running pod does not need it any more."""
    situation.apply_relay()
    situation.stream()

    def delete() -> bool:
        with suppress(ApiServerError):  # it does not exist at the moment
            situation.delete("Secret", "sluice-redis-url")
        return situation.condition("ChildrenContested") == ("True", "Contested")

    eventually(delete)
    situation.wait_condition("Ready", "True", "Streaming")
    assert "the object itself is deleted and not there" in message_of(situation)
