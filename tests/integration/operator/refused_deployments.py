"""An admission policy that refuses Deployments without a certain label in one namespace."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.operator.control_plane import ApiServerError, path_of
from tests.integration.operator.situation import Situation, eventually

MESSAGE = "a team is required"
_GROUP = "admissionregistration.k8s.io/v1"


@contextmanager
def deployments_refused(situation: Situation) -> Iterator[None]:
    namespace = situation.namespace
    deployments = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    policy = {
        "apiVersion": _GROUP,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [deployments]},
            "validations": [{"expression": "has(object.metadata.labels.team)", "message": MESSAGE}],
        },
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {
        "apiVersion": _GROUP,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"], "matchResources": here},
    }
    situation.control_plane.apply(policy, binding)
    try:
        eventually(lambda: _are_refused(situation))
        yield
    finally:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            situation.control_plane.request("DELETE", path_of(kind, None, namespace))
        eventually(lambda: not _are_refused(situation))


def _are_refused(situation: Situation) -> bool:
    """Whether the policy is in force: the API server reads it some time after it is stored."""
    labels = {"matchLabels": {"app": "probe"}}
    template = {"metadata": {"labels": {"app": "probe"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    probe = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "probe", "labels": {"app": "probe"}},
        "spec": {"selector": labels, "template": template},
    }
    try:
        situation.control_plane.request("POST", path_of("Deployment", situation.namespace) + "?dryRun=All", probe)
    except ApiServerError as error:
        return MESSAGE in str(error)
    return False
