"""A Relay can satisfy common admission policies, on a real API server."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from tests.integration.operator.control_plane import Manifest, path_of
from tests.integration.operator.refused_deployments import deployments_refused
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.operator.test_children_recreated import message_of

_GROUP = "admissionregistration.k8s.io/v1"
SECURITY = "object.spec.template.spec.securityContext"
RANGE = f"!has({SECURITY}.runAsUser) || ({SECURITY}.runAsUser >= 1000670000 && {SECURITY}.runAsUser < 1000680000)"


@contextmanager
def policy(situation: Situation, expression: str, message: str) -> Iterator[None]:
    """An admission policy that refuses Deployments in this namespace unless `expression` holds."""
    name = f"{situation.namespace}-policy"
    deployments = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    situation.control_plane.apply(
        {
            "apiVersion": _GROUP,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [deployments]},
                "validations": [{"expression": expression, "message": message}],
            },
        },
        {
            "apiVersion": _GROUP,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": situation.namespace}}
                },
            },
        },
    )
    try:
        yield
    finally:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            situation.control_plane.request("DELETE", path_of(kind, None, name))


def test_a_policy_for_user_ids(situation: Situation) -> None:
    with policy(situation, RANGE, "runAsUser: must be in the range [1000670000, 1000679999]"):
        # The policy takes effect some time after it is stored. Until then the Deployment is accepted.
        tries = count()
        situation.apply_relay()

        def is_refused() -> bool:
            if situation.condition("Stalled") == ("True", "ChildRefused"):
                return True
            taken = situation.deployment()["spec"]["template"]["metadata"]["annotations"]
            if taken.get("try") == situation.relay()["spec"]["podTemplate"].get("annotations", {}).get("try"):
                situation.apply_relay(podTemplate={"annotations": {"try": str(next(tries))}})
            return False

        eventually(is_refused)
        message = message_of(situation, "Stalled")
        assert "runAsUser: must be in the range" in message
        assert "spec.podTemplate" in message

        situation.apply_relay(podTemplate={"podSecurityContext": {}})
        eventually(lambda: "runAsUser" not in context_of(situation))
        assert context_of(situation) == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        situation.stream()

        required = {"runAsUser": 1_000_670_000, "fsGroup": 1_000_670_000}
        situation.apply_relay(podTemplate={"podSecurityContext": required})
        eventually(lambda: context_of(situation).items() >= required.items())
        assert "runAsGroup" not in context_of(situation)


def test_a_policy_for_a_label_of_the_deployment(situation: Situation) -> None:
    with deployments_refused(situation):
        situation.apply_relay()
        situation.wait_condition("Stalled", "True", "ChildRefused")
        assert "spec.deployment" in message_of(situation, "Stalled")
        situation.apply_relay(deployment={"labels": {"team": "data"}})
        pod = situation.stream()
        assert "team" not in pod["metadata"]["labels"]
        assert situation.deployment()["metadata"]["labels"]["team"] == "data"


def test_changed_labels_of_the_deployment_do_not_change_the_pod(situation: Situation) -> None:
    situation.apply_relay()
    before = situation.stream()
    situation.apply_relay(deployment={"labels": {"team": "data"}, "annotations": {"example.com/a": "b"}})
    eventually(lambda: situation.deployment()["metadata"]["labels"].get("team") == "data")
    situation.wait_condition("Ready", "True", "Streaming")
    assert situation.pod()["metadata"]["uid"] == before["metadata"]["uid"]


def test_the_restricted_pod_security_standard_accepts_the_pod(situation: Situation) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    situation.control_plane.request(
        "PATCH", path_of("Namespace", None, situation.namespace), label, kind="application/merge-patch+json"
    )
    for template in ({}, {"podSecurityContext": {}}, {"podSecurityContext": {"fsGroup": 7}, "securityContext": {}}):
        situation.apply_relay(podTemplate=template)
        situation.pod()


def context_of(situation: Situation) -> Manifest:
    found: Manifest = situation.template()["spec"]["securityContext"]
    return found


def test_all_security_settings_reach_the_pod(situation: Situation) -> None:
    required = {
        "runtimeClassName": "gvisor",
        "schedulerName": "volcano",
        "serviceAccountName": "ingester",
        "terminationGracePeriodSeconds": 60,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["198.51.100.53"], "options": [{"name": "ndots", "value": "1"}]},
        "hostAliases": [{"ip": "198.51.100.7", "hostnames": ["relay.example"]}],
    }
    situation.apply_relay(suspend=True, podTemplate={**required, "securityContext": {"runAsUser": 1001}})
    situation.wait_condition("Ready", "True", "Suspended")
    found = situation.template()["spec"]
    assert {name: found[name] for name in required} == required
    assert found["automountServiceAccountToken"] is False
    secured = found["containers"][0]["securityContext"]
    assert secured == {
        "runAsUser": 1001,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert situation.names("Deployment") == [f"{NAME}-firehose"]
