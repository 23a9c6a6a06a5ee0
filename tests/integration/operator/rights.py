"""What the operator may do in the tests: what the chart grants, and nothing more."""

import json
import subprocess
from collections.abc import Iterable
from copy import deepcopy
from functools import cache

import yaml

from tests.integration.operator.control_plane import ROOT, Manifest, program

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


def namespaced(namespace: str, granted: list[Manifest], *users: str) -> list[Manifest]:
    """A Role in one namespace, and those who have it."""
    metadata = {"name": "sluice", "namespace": namespace}
    return [
        {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": granted},
        {"apiVersion": f"{GROUP}/v1", "kind": "RoleBinding", "metadata": metadata} | _binding("Role", *users),
    ]


def cluster_wide(granted: list[Manifest], *users: str) -> list[Manifest]:
    """A ClusterRole, and those who have it."""
    metadata = {"name": "sluice"}
    return [
        {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": granted},
        {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRoleBinding", "metadata": metadata}
        | _binding("ClusterRole", *users),
    ]


def _binding(kind: str, *users: str) -> Manifest:
    return {
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": "sluice"},
        "subjects": [{"kind": "User", "apiGroup": GROUP, "name": user} for user in users],
    }


def flat(granted: list[Manifest]) -> set[tuple[str, str, str]]:
    """Rules as group, resource and verb."""
    return {
        (group, resource, verb)
        for rule in granted
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
