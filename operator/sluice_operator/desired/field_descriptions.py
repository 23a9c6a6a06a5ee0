"""Describes fields of children for people: their values without secrets, and the spec field that sets them. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_common.truncate import truncate_middle
from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_paths import FieldPath, format_path, is_within

_MAX_VALUE_LENGTH: Final = 80
_MAX_FIELDS: Final = 3
_SECRET_FIELDS: Final = frozenset({"env", "envFrom", "data", "stringData"})
"""Values below these fields can be secret, so they are not shown."""
_IDENTIFYING_FIELDS: Final = ("name", "mountPath", "image")

_TEMPLATE: Final = ("spec", "template")
_POD: Final = (*_TEMPLATE, "spec")
_CONTAINER: Final = (*_POD, "containers", (("name", "ingester"),))
_SPEC_FIELDS: Final[Mapping[FieldPath, str]] = {
    ("metadata", "labels"): "spec.deployment.labels",
    ("metadata", "annotations"): "spec.deployment.annotations",
    ("spec", "replicas"): "spec.suspend",
    (*_TEMPLATE, "metadata", "labels"): "spec.podTemplate.labels",
    (*_TEMPLATE, "metadata", "annotations"): "spec.podTemplate.annotations",
    **{
        (*_POD, name): f"spec.podTemplate.{name}"
        for name in (
            "affinity",
            "hostAliases",
            "imagePullSecrets",
            "dnsConfig",
            "dnsPolicy",
            "nodeSelector",
            "priorityClassName",
            "runtimeClassName",
            "schedulerName",
            "serviceAccountName",
            "tolerations",
            "topologySpreadConstraints",
            "volumes",
        )
    },
    (*_POD, "securityContext"): "spec.podTemplate.podSecurityContext",
    (*_CONTAINER, "env"): "spec.podTemplate.env",
    (*_CONTAINER, "image"): "spec.image",
    (*_CONTAINER, "imagePullPolicy"): "spec.imagePullPolicy",
    (*_CONTAINER, "resources"): "spec.podTemplate.resources",
    (*_CONTAINER, "securityContext"): "spec.podTemplate.securityContext",
    (*_CONTAINER, "volumeMounts"): "spec.podTemplate.volumeMounts",
}
"""By field of a Deployment, the field of the resource's spec that sets it."""


def spec_field_of(path: FieldPath) -> str:
    """The field of the spec that sets what is at `path` of a Deployment, or an empty string."""
    return next((place for field, place in _SPEC_FIELDS.items() if is_within(path, field)), "")


def describe_value(path: FieldPath, value: Any) -> str:
    """The value at `path` for a message, without secrets."""
    if value is None:
        return "nothing"
    if any(step in _SECRET_FIELDS for step in path if isinstance(step, str)):
        return "a value that is not shown"
    if isinstance(value, Mapping):
        value = {name: value[name] for name in _IDENTIFYING_FIELDS if name in value} or sorted(value)
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return f"{len(value)} items"
    text = value if isinstance(value, str) else json.dumps(value)
    return truncate_middle(text, max_length=_MAX_VALUE_LENGTH)


def describe_differences(differences: Iterable[Difference], *, managers: Mapping[FieldPath, str]) -> str:
    """The differences for a message: each field with its value and its manager."""
    every = list(differences)
    words = [_describe_difference(difference, managers.get(difference.path, "")) for difference in every[:_MAX_FIELDS]]
    more = len(every) - _MAX_FIELDS
    return "; ".join(words + ([f"and {more} more"] if more > 0 else []))


def describe_spec_fields(differences: Iterable[Difference]) -> str:
    """Advice: the fields of the spec in which the user can set what `differences` show, or an empty string."""
    every = {spec_field_of(difference.path) for difference in differences if difference.live is not None}
    known = sorted(every - {"", "spec.suspend"})
    return f"to keep a value, set it in {', '.join(known)}" if known else ""


def _describe_difference(difference: Difference, by: str) -> str:
    path = difference.path
    found, wanted = describe_value(path, difference.live), describe_value(path, difference.desired)
    instead = "" if difference.desired is None or found == wanted else f" instead of {wanted}"
    return f"{format_path(path)} was {found}{instead}" + (f", set by {by}" if by else "")
