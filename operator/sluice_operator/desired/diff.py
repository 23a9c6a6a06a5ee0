"""Finds the differences between a live object and the desired one. Pure.

The operator owns everything in a Deployment's spec and in a Secret's data. So an additional field is a difference, like
a missing one. These are not differences:

- defaults of the API server
- the annotation of `kubectl rollout restart`
- labels, annotations and owners that others have added to the object itself
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.quantity import parse_quantity
from sluice_operator.desired.api_server_defaults import is_default
from sluice_operator.desired.field_paths import FieldPath, match_items

RESTARTED_AT_ANNOTATION: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation that `kubectl rollout restart` sets on the pod template."""
NOT_OWNED_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
"""The top-level fields that the operator owns only in part."""

_POD_ANNOTATIONS_PATH: Final[FieldPath] = ("spec", "template", "metadata", "annotations")
_QUANTITY_MAPS: Final = frozenset({"requests", "limits"})
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit", "divisor"})
_MEANINGFUL_IF_EMPTY: Final = frozenset({"labelSelector", "namespaceSelector"})
"""Fields for which an empty object has another meaning than no object."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One field with another value than desired. None means no field."""

    path: FieldPath
    desired: Any
    live: Any


def find_differences(live: Mapping[str, Any], desired: Mapping[str, Any]) -> list[Difference]:
    """The differences between the object `live` and `desired`.

    Lists of objects are compared by name, in any order. Quantities are compared by their value. An empty value is equal
    to no field, because the API server drops most empty values.
    """
    return [*_compare_metadata(live["metadata"], desired["metadata"]), *_compare_body(live, desired)]


def _compare_metadata(live: Mapping[str, Any], desired: Mapping[str, Any]) -> Iterator[Difference]:
    for part in ("labels", "annotations"):
        found = live.get(part) or {}
        for name, value in (desired.get(part) or {}).items():
            if name not in found or found[name] != value:
                yield Difference(path=("metadata", part, name), desired=value, live=found.get(name))
    owners = {owner["uid"]: owner for owner in live.get("ownerReferences") or []}
    for owner in desired.get("ownerReferences") or []:
        yield from _compare(
            owners.get(owner["uid"]),
            owner,
            path=("metadata", "ownerReferences", (("uid", owner["uid"]),)),
            parent="ownerReferences",
            siblings={},
        )


def _compare_body(live: Mapping[str, Any], desired: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*live, *desired} - NOT_OWNED_FIELDS):
        yield from _compare(live.get(name), desired.get(name), path=(name,), parent="", siblings=desired)


def _compare(
    live: Any, desired: Any, *, path: FieldPath, parent: str, siblings: Mapping[str, Any], name: str | None = None
) -> Iterator[Difference]:
    """The differences between two values of the field at `path`.

    `parent` is the field that contains it. `siblings` are the desired fields next to it.
    """
    name = name or (path[-1] if isinstance(path[-1], str) else "")
    if _is_empty(name, desired):
        if not _is_empty(name, live) and not is_default(parent, name, live, siblings):
            yield from _unexpected(live, path)
    elif isinstance(desired, Mapping):
        yield from _compare_maps(live, desired, path=path, name=name or parent)
    elif isinstance(desired, Sequence) and not isinstance(desired, str):
        yield from _compare_lists(live, desired, path=path, name=name)
    elif not _are_equal(name, live, desired):
        yield Difference(path=path, desired=desired, live=live)


def _unexpected(live: Any, path: FieldPath) -> Iterator[Difference]:
    if path == _POD_ANNOTATIONS_PATH and isinstance(live, Mapping):
        live = {name: value for name, value in live.items() if name != RESTARTED_AT_ANNOTATION}
        if not live:
            return
    yield Difference(path=path, desired=None, live=live)


def _compare_maps(live: Any, desired: Mapping[str, Any], *, path: FieldPath, name: str) -> Iterator[Difference]:
    if not isinstance(live, Mapping):
        if live is not None or name in _MEANINGFUL_IF_EMPTY or any(not _is_empty(*field) for field in desired.items()):
            yield Difference(path=path, desired=desired, live=live)
        return
    for field in sorted({*live, *desired}):
        if path == _POD_ANNOTATIONS_PATH and field == RESTARTED_AT_ANNOTATION:
            continue
        if name in _QUANTITY_MAPS and field in live and field in desired:
            if not _is_same_quantity(live[field], desired[field]):
                yield Difference(path=(*path, field), desired=desired[field], live=live[field])
            continue
        yield from _compare(
            live.get(field), desired.get(field), path=(*path, field), parent=name, siblings=desired, name=field
        )


def _compare_lists(live: Any, desired: Sequence[Any], *, path: FieldPath, name: str) -> Iterator[Difference]:
    items = live if isinstance(live, Sequence) and not isinstance(live, str) else []
    pairs = match_items(items, desired) if items else None
    if pairs is not None:
        found, expected = pairs
        for identity in sorted({*found, *expected}, key=str):
            if identity not in expected:
                yield Difference(path=(*path, identity), desired=None, live=found[identity])
            else:
                yield from _compare(
                    found.get(identity), expected[identity], path=(*path, identity), parent=name, siblings={}
                )
    elif len(items) != len(desired) or any(
        next(_compare(one, other, path=(*path, ()), parent=name, siblings={}), None)
        for one, other in zip(items, desired, strict=True)
    ):
        yield Difference(path=path, desired=desired, live=live)


def _are_equal(name: str, live: Any, desired: Any) -> bool:
    if name in _QUANTITY_FIELDS:
        return _is_same_quantity(live, desired)
    return type(live) is type(desired) and bool(live == desired)


def _is_same_quantity(live: Any, desired: Any) -> bool:
    try:
        return parse_quantity(live) == parse_quantity(desired)
    except ValueError:
        return bool(live == desired)


def _is_empty(name: str, value: Any) -> bool:
    if value in (None, ""):
        return True
    return isinstance(value, Mapping | list | tuple) and not value and name not in _MEANINGFUL_IF_EMPTY
