"""Which field manager owns a field, read from managedFields."""

from typing import Any

import pytest

from sluice_operator.desired.field_paths import FieldPath
from sluice_operator.observed.field_managers import last_other_manager, managers_of, owned_names

CONTAINER = 'k:{"name":"ingester"}'


def entry(manager: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": fields, "time": "2026-11-28T10:00:00Z", **more}


def pod(fields: dict[str, Any]) -> dict[str, Any]:
    return {"f:spec": {"f:template": {"f:spec": fields}}}


LIVE = {
    "metadata": {
        "managedFields": [
            entry("sluice-operator", pod({"f:containers": {CONTAINER: {".": {}, "f:image": {}, "f:args": {}}}})),
            entry(
                "kubectl-set",
                pod({"f:containers": {CONTAINER: {"f:env": {'k:{"name":"PROXY"}': {".": {}, "f:value": {}}}}}}),
                time="2026-11-28T11:00:00Z",
            ),
            entry("autoscaler", {"f:spec": {"f:replicas": {}}}, time="2026-11-28T10:30:00Z", subresource="scale"),
            entry("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, subresource="status"),
            entry("labeller", {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}}),
        ]
    }
}
POD: FieldPath = ("spec", "template", "spec")
INGESTER: FieldPath = (*POD, "containers", (("name", "ingester"),))


@pytest.mark.parametrize(
    ("path", "managers"),
    [
        ((*INGESTER, "env", (("name", "PROXY"),)), ["kubectl-set"]),
        ((*INGESTER, "env", (("name", "PROXY"),), "value"), ["kubectl-set"]),
        ((*INGESTER, "env"), ["kubectl-set"]),
        ((*INGESTER, "image"), ["sluice-operator"]),
        ((*INGESTER, "args", "0"), ["sluice-operator"]),
        (INGESTER, ["kubectl-set", "sluice-operator"]),
        (("spec", "replicas"), ["autoscaler"]),
        (("metadata", "labels", "team"), ["labeller"]),
        ((*POD, "hostNetwork"), []),
        ((*INGESTER, "env", (("name", "OTHER"),)), []),
    ],
)
def test_the_managers_of_a_field(path: FieldPath, managers: list[str]) -> None:
    assert managers_of(LIVE, path) == managers


def test_an_object_without_managed_fields() -> None:
    assert managers_of({"metadata": {}}, INGESTER) == []
    assert last_other_manager({"metadata": {}}, "sluice-operator") == ""


def test_the_last_other_manager() -> None:
    assert last_other_manager(LIVE, "sluice-operator") == "kubectl-set"


def test_the_names_that_a_manager_owns() -> None:
    assert owned_names(LIVE, ("metadata", "labels"), "labeller") == {"team"}
    assert owned_names(LIVE, ("metadata", "labels"), "sluice-operator") == set()
