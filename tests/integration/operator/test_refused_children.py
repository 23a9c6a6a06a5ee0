"""The status is written although children are refused, on a real API server with a webhook that can't be reached."""

from collections.abc import Iterator
from contextlib import contextmanager

from sluice_redis.contract import SourceState
from tests.integration.operator.control_plane import OPERATOR, KubectlError
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.ports import free_port

_GROUP = "admissionregistration.k8s.io/v1"
_HOOK = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@contextmanager
def unreachable_webhook(situation: Situation, which: str = "true") -> Iterator[None]:
    """A validating webhook that can't be reached, for the operator's writes of Deployments in that namespace."""
    of_operator = {"name": "operator", "expression": f"request.userInfo.username == '{OPERATOR}'"}
    such = {"name": "such", "expression": f"object.metadata.name == 'probe' || ({which})"}
    here = {"matchLabels": {"kubernetes.io/metadata.name": situation.namespace}}
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    hook = {
        "name": "gone.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
        "clientConfig": {"url": f"https://127.0.0.1:{free_port()}/validate"},
        "namespaceSelector": here,
        "matchConditions": [of_operator, such],
        "rules": [rule],
    }
    name = situation.namespace
    body = {
        "apiVersion": _GROUP,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }
    situation.control_plane.request("POST", _HOOK, body)
    try:
        eventually(lambda: _is_in_force(situation))
        yield
    finally:
        situation.control_plane.request("DELETE", f"{_HOOK}/{name}")


def _is_in_force(situation: Situation) -> bool:
    try:
        situation.kubectl(f"--as={OPERATOR}", "create", "deployment", "probe", "--image=a", "--dry-run=server")
    except KubectlError as error:
        return "failed calling webhook" in str(error)
    return False


def message(situation: Situation, kind: str) -> str:
    return next(item["message"] for item in situation.status()["conditions"] if item["type"] == kind)


def test_a_new_resource_reports_the_servers_message_and_recovers(situation: Situation) -> None:
    with unreachable_webhook(situation):
        situation.apply_relay(health={"stalledAfterSeconds": 6})
        situation.wait_condition("Reconciling", "True", "ChildRefused")
        assert situation.condition("Ready") == ("False", "ChildRefused")
        assert situation.condition("ChildrenOutdated") == ("True", "SpecNotApplied")
        assert 'failed calling webhook "gone.example.com"' in message(situation, "Ready")
        situation.wait_condition("Stalled", "True", "ChildRefused")
        situation.wait_events("Stalled")
        assert situation.names("Secret") == ["sluice-redis-url"]
    situation.stream()
    assert situation.condition("Stalled") is None
    assert situation.condition("ChildrenOutdated") is None


def test_a_streaming_relay_stays_ready_and_its_numbers_change(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.stream(1000)
    with unreachable_webhook(situation):
        for seq in (1001, 1002):
            situation.store(seq)
            situation.report(SourceState.STREAMING, pod=pod)
            eventually(lambda seq=seq: situation.status()["firehose"]["cursor"] == str(seq))
        assert situation.condition("Ready") == ("True", "Streaming")
        situation.apply_relay(batch={"size": 123})
        situation.wait_condition("Ready", "False", "ChildRefused")
        situation.store(1003)
        situation.report(SourceState.STREAMING, pod=pod)
        eventually(lambda: situation.status()["firehose"]["cursor"] == "1003")
        assert situation.condition("Connected") == ("True", "Streaming")
        assert situation.condition("Ready") == ("False", "ChildRefused"), (
            "Ready is about the new spec, which is not applied"
        )
    eventually(lambda: situation.condition("ChildrenOutdated") is None)
    pod = situation.run_pod()
    situation.report(SourceState.STREAMING, pod=pod)
    situation.wait_condition("Ready", "True", "Streaming")


def test_an_edited_child_that_can_not_be_restored_does_not_change_ready(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.stream(1000)
    with unreachable_webhook(situation):
        situation.patch("Deployment", situation.child, {"spec": {"replicas": 2}})
        situation.wait_condition("ChildrenOutdated", "True", "ChildRefused")
        situation.store(1001)
        situation.report(SourceState.STREAMING, pod=pod)
        eventually(lambda: situation.status()["firehose"]["cursor"] == "1001")
        assert situation.condition("Ready") == ("True", "Streaming")
        situation.wait_events("ChildRefused")
    eventually(lambda: situation.condition("ChildrenOutdated") is None)
    assert situation.deployment()["spec"]["replicas"] == 1


def test_a_refused_backfill_does_not_affect_the_firehose(situation: Situation) -> None:
    situation.apply_relay()
    pod = situation.stream(1000)
    with unreachable_webhook(situation, f"object.metadata.name == '{NAME}-backfill'"):
        situation.apply_relay(backfill={"enabled": True}, health={"stalledAfterSeconds": 3600})
        situation.wait_condition("ChildrenOutdated", "True", "SpecNotApplied")
        situation.store(1001)
        situation.report(SourceState.STREAMING, pod=pod)
        eventually(lambda: situation.status()["firehose"]["cursor"] == "1001")
        situation.wait_condition("Ready", "True", "Streaming")
        assert message(situation, "ChildrenOutdated").startswith("backfill: ")
