"""Kinds of objects and their paths in the Kubernetes API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Manifest: TypeAlias = dict[str, Any]
"""An object as JSON. Models would cost memory and time, and would drop fields that are newer than they are."""


def without_managed_fields(item: Mapping[str, Any]) -> Manifest:
    """`item` without `managedFields`, which are large."""
    return {**item, "metadata": {name: value for name, value in item["metadata"].items() if name != "managedFields"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiResource:
    """One namespaced kind of object."""

    api_version: str
    """Such as `v1` or `apps/v1`."""
    kind: str
    plural: str

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The path of an object, of its subresource, or of the list in one namespace or in all (None)."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        scope = f"/namespaces/{namespace}" if namespace else ""
        steps = "".join(f"/{step}" for step in (name, subresource) if step)
        return f"{root}{self.api_version}{scope}/{self.plural}{steps}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectList:
    """The objects of one kind at one resource version."""

    items: list[Manifest]
    resource_version: str


DEPLOYMENTS: Final = ApiResource(api_version="apps/v1", kind="Deployment", plural="deployments")
PODS: Final = ApiResource(api_version="v1", kind="Pod", plural="pods")
SECRETS: Final = ApiResource(api_version="v1", kind="Secret", plural="secrets")
CONFIG_MAPS: Final = ApiResource(api_version="v1", kind="ConfigMap", plural="configmaps")
EVENTS: Final = ApiResource(api_version="v1", kind="Event", plural="events")
LEASES: Final = ApiResource(api_version="coordination.k8s.io/v1", kind="Lease", plural="leases")
