"""Merges the user's pod template into the pod that the operator builds. Pure.

Items are added to maps and lists. If both have the same item, the operator's item is used, because the pod needs it.
The validation rules of the CRD refuse such an item, but a resource can be older than the rules.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_operator.api.pod_template import PodTemplate
from sluice_operator.desired.child_metadata import Manifest

_COPIED_FIELDS: Final = (
    "affinity",
    "dnsConfig",
    "dnsPolicy",
    "hostAliases",
    "nodeSelector",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
)
"""The fields that are copied into the pod unchanged."""
_USER_AND_GROUP: Final = frozenset({"runAsUser", "runAsGroup"})
"""The fields that a user's security context does not inherit, so that the user can leave them to the cluster."""


def merge_pod_template(template: Mapping[str, Any], additions: PodTemplate) -> Manifest:
    """The pod template `template`, which has one container, with the `additions` of the user."""
    metadata, spec = template["metadata"], template["spec"]
    (container,) = spec["containers"]
    given: Manifest = without_defaults(additions.dump())
    grown = _extend_lists(container, {"env": given.get("env"), "volumeMounts": given.get("volumeMounts")})
    secured = {**container["securityContext"], **(given.get("securityContext") or {})}
    pod = _extend_lists(
        {**spec, "containers": [{**grown, "resources": additions.resources.dump(), "securityContext": secured}]},
        {name: given.get(name) for name in ("volumes", "imagePullSecrets")},
    )
    pod |= {name: given[name] for name in _COPIED_FIELDS if given.get(name)}
    if additions.pod_security_context is not None:
        others = {name: value for name, value in spec["securityContext"].items() if name not in _USER_AND_GROUP}
        pod["securityContext"] = {**others, **given["podSecurityContext"]}
    labels = {name: {**(given.get(name) or {}), **metadata.get(name, {})} for name in ("labels", "annotations")}
    return {**template, "metadata": {**metadata, **labels}, "spec": pod}


def without_defaults(value: Any) -> Any:
    """`value` without what the API server drops when it stores an object: null, false and empty lists.

    False is the default of every flag that a user can set here. If these values stayed, the object would always differ.
    """
    if isinstance(value, Mapping):
        fields = {name: without_defaults(field) for name, field in value.items()}
        return {name: field for name, field in fields.items() if not _is_dropped(field)}
    if isinstance(value, list):
        return [without_defaults(item) for item in value]
    return value


def _is_dropped(value: Any) -> bool:
    return value is None or value is False or value == []


def _extend_lists(base: Mapping[str, Any], additions: Mapping[str, list[Manifest] | None]) -> Manifest:
    """`base` with the items of `additions` appended to its lists."""
    lists = {
        name: [*base.get(name, []), *_without_duplicates(base.get(name, []), items)]
        for name, items in additions.items()
        if items
    }
    return {**base, **lists}


def _without_duplicates(own: Iterable[Manifest], given: Iterable[Manifest]) -> list[Manifest]:
    """The items of `given` that have no counterpart in `own`, by name or by mount path."""
    taken = {_identity(item) for item in own}
    return [item for item in given if _identity(item) not in taken]


def _identity(item: Manifest) -> str:
    return str(item.get("mountPath") or item["name"])
