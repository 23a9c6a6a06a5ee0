"""An API server that refuses Deployments without a label of the user's, in one namespace, for a while."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.operator.control_plane import path_of
from tests.integration.operator.situation import Situation

MESSAGE = "a team is required"
_GROUP = "admissionregistration.k8s.io/v1"
_SETTLE_SECONDS = 2


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
        time.sleep(_SETTLE_SECONDS)
        yield
    finally:
        for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
            situation.control_plane.request("DELETE", path_of(kind, None, namespace))
        time.sleep(_SETTLE_SECONDS)
