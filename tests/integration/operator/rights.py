"""What the operator may do in the tests: what the chart grants, and nothing more."""

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
    """In the namespaces that it watches."""
    (granted,) = (item["rules"] for item in _rendered("rbac/operator") if "rules" in item)
    return list(granted)


def lease_rules() -> list[Manifest]:
    """In its own namespace, on the Lease named `LEASE`."""
    (granted,) = (item["rules"] for item in _rendered("rbac/lease") if "rules" in item)
    return list(granted)


def release(namespace: str, *, watched: Iterable[str]) -> list[Manifest]:
    """The account and all the rights that the chart makes for a release there that watches those namespaces."""
    templates = ("operator/serviceaccount", "rbac/operator", "rbac/lease")
    found = deepcopy(_rendered(*templates, namespace=namespace, watched=tuple(watched)))
    for item in found:
        item["metadata"].setdefault("namespace", namespace)
    return list(found)


def grant(control_plane: ControlPlane, namespace: str, granted: list[Manifest], *users: str) -> None:
    """Make a Role in one namespace, which these users have and nobody else. It is in force then."""
    metadata = {"name": "sluice", "namespace": namespace}
    control_plane.apply(
        {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": granted},
        {"apiVersion": f"{GROUP}/v1", "kind": "RoleBinding", "metadata": metadata} | _binding("Role", *users),
    )
    for user in users:
        wait_in_force(control_plane, granted, user, namespace=namespace)


def grant_everywhere(control_plane: ControlPlane, granted: list[Manifest], *users: str) -> None:
    """Make a ClusterRole, which these users have. It is in force then."""
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
    """Rules as group, resource and verb."""
    return {
        (group, resource, verb)
        for rule in granted
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
