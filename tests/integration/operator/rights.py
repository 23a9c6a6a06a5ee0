"""The operator's rights in the tests: exactly those that the chart grants."""

import json
import subprocess
from collections.abc import Iterable
from copy import deepcopy
from functools import cache, partial

import yaml

from tests.integration.operator.control_plane import ROOT, ControlPlane, Manifest, program
from tests.integration.operator.situation import eventually

GROUP = "rbac.authorization.k8s.io"
LEASE = "sluice-operator"


@cache
def _rendered(*templates: str, namespace: str = "sluice-system", watched: tuple[str, ...] = ()) -> tuple[Manifest, ...]:
    command = [str(program("helm")), "template", "sluice", str(ROOT / "charts" / "sluice"), "--kube-version=1.35.0"]
    command += [f"--namespace={namespace}", f"--set-json=watchNamespaces={json.dumps(watched)}"]
    command += [f"--show-only=templates/{template}.yaml" for template in templates]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(filter(None, yaml.safe_load_all(done.stdout)))


def rules() -> list[Manifest]:
    """The rules for watched namespaces."""
    (granted,) = (item["rules"] for item in _rendered("rbac/operator") if "rules" in item)
    return list(granted)


def lease_rules() -> list[Manifest]:
    """The rules for the Lease `LEASE` in the operator's own namespace."""
    (granted,) = (item["rules"] for item in _rendered("rbac/lease") if "rules" in item)
    return list(granted)


def release(namespace: str, *, watched: Iterable[str]) -> list[Manifest]:
    """The service account and the roles of a release in `namespace` that watches the namespaces `watched`."""
    templates = ("operator/serviceaccount", "rbac/operator", "rbac/lease")
    found = deepcopy(_rendered(*templates, namespace=namespace, watched=tuple(watched)))
    for item in found:
        item["metadata"].setdefault("namespace", namespace)
    return list(found)


def grant(control_plane: ControlPlane, namespace: str, granted: list[Manifest], *users: str) -> None:
    """Create a Role in one namespace for exactly these users, and wait until it is in force."""
    metadata = {"name": "sluice", "namespace": namespace}
    control_plane.apply(
        {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": granted},
        {"apiVersion": f"{GROUP}/v1", "kind": "RoleBinding", "metadata": metadata} | _binding("Role", *users),
    )
    for user in users:
        wait_in_force(control_plane, granted, user, namespace=namespace)


def grant_everywhere(control_plane: ControlPlane, granted: list[Manifest], *users: str) -> None:
    """Create a ClusterRole for these users, and wait until it is in force."""
    metadata = {"name": "sluice"}
    control_plane.apply(
        {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": granted},
        {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRoleBinding", "metadata": metadata}
        | _binding("ClusterRole", *users),
    )
    for user in users:
        wait_in_force(control_plane, granted, user)


def wait_in_force(control_plane: ControlPlane, granted: list[Manifest], user: str, *, namespace: str = "") -> None:
    """Wait until the API server knows that `user` has these rights."""
    for rule in granted:
        for right in as_triples([rule]):
            for name in rule.get("resourceNames", [""]):
                eventually(partial(control_plane.allows, user, right, namespace=namespace, name=name))


def _binding(kind: str, *users: str) -> Manifest:
    return {
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": "sluice"},
        "subjects": [{"kind": "User", "apiGroup": GROUP, "name": user} for user in users],
    }


def as_triples(granted: list[Manifest]) -> set[tuple[str, str, str]]:
    """The rules as (group, resource, verb)."""
    return {
        (group, resource, verb)
        for rule in granted
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
