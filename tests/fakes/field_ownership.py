"""Server-side apply: which field manager owns which fields of an object. Pure.

A path is a sequence of the steps of `managedFields`: `f:name` for a field, `k:{"name":"x"}` for an item of a list
that is merged by a key, `v:"x"` for an item of a set. A list that is in neither table below is one value.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, TypeAlias

Path: TypeAlias = tuple[str, ...]
Manager: TypeAlias = tuple[str, str, str]
"""Name, operation (`Apply` or `Update`), subresource."""
Owners: TypeAlias = dict[Manager, frozenset[Path]]

LIST_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "conditions": ("type",),
    "consumerGroups": ("name",),
    "containers": ("name",),
    "env": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "pods": ("uid",),
    "ports": ("containerPort", "protocol"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
SETS: Final = frozenset({"finalizers"})
_KEY_DEFAULTS: Final = {"protocol": "TCP"}
_IDENTITY: Final = frozenset({"name", "namespace", "uid", "resourceVersion", "managedFields"})
"""Metadata fields that have no owner, such as those that the API server sets."""
_SET_BY_SERVER: Final = frozenset(
    {"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"}
)


def apply(live: dict[str, Any], owners: Owners, manifest: dict[str, Any], manager: Manager) -> tuple[Any, Owners]:
    """The object and its owners after `manager` applied `manifest` with `force`."""
    applied, before = fields_of(manifest), owners.get(manager, frozenset())
    elsewhere = frozenset[Path]().union(*(paths for one, paths in owners.items() if one != manager))
    dropped = [path for path in before - applied.keys() if path not in elsewhere]
    after = _without(_merged(live, manifest), dropped)
    was = fields_of(live)
    taken = {path for path, value in applied.items() if path not in was or was[path] != value}
    others = {one: paths - taken for one, paths in owners.items() if one != manager}
    return after, _tidy({**others, manager: frozenset(applied)})


def update(before: dict[str, Any], after: dict[str, Any], owners: Owners, manager: Manager) -> Owners:
    """The owners after `manager` changed the object by a request other than an apply."""
    was, now = fields_of(before), fields_of(after)
    changed = frozenset(path for path, value in now.items() if path not in was or was[path] != value)
    touched = changed | (was.keys() - now.keys())
    kept = {one: paths - touched for one, paths in owners.items()}
    return _tidy({**kept, manager: kept.get(manager, frozenset()) | changed})


def fields_of(manifest: Mapping[str, Any]) -> dict[Path, Any]:
    """Each field that somebody may own, with its value."""
    body = {name: value for name, value in manifest.items() if name not in {"apiVersion", "kind"}}
    metadata = body.pop("metadata", {})
    hidden = _IDENTITY | _SET_BY_SERVER
    owned = {name: value for name, value in metadata.items() if name not in hidden}
    if owned:
        body["metadata"] = owned
    return dict(_fields(body, ()))


def fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """`paths` in the form of `managedFields`."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for step in path:
            node = node.setdefault(step, {})
        if path[-1].startswith("k:"):
            node.setdefault(".", {})
    return root


def _fields(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    name = path[-1].removeprefix("f:") if path else ""
    if isinstance(value, Mapping) and (value or not path):
        for field, inner in value.items():
            yield from _fields(inner, (*path, f"f:{field}"))
    elif isinstance(value, list) and name in LIST_KEYS:
        for item in value:
            step = (*path, _key(name, item))
            yield step, None
            for field, inner in item.items():
                yield from _fields(inner, (*step, f"f:{field}"))
    elif isinstance(value, list) and name in SETS:
        for item in value:
            yield (*path, f"v:{json.dumps(item)}"), None
    else:
        yield path, value


def _key(name: str, item: Mapping[str, Any]) -> str:
    values = {**_KEY_DEFAULTS, **item}
    key = {field: values[field] for field in LIST_KEYS[name] if field in values}
    return f"k:{json.dumps(key, separators=(',', ':'), sort_keys=True)}"


def _merged(live: Any, applied: Any, name: str = "") -> Any:
    if isinstance(live, Mapping) and isinstance(applied, Mapping):
        merged = dict(live)
        for field, value in applied.items():
            merged[field] = _merged(live[field], value, field) if field in live else deepcopy(value)
        return merged
    if isinstance(live, list) and isinstance(applied, list) and name in LIST_KEYS:
        items = {_key(name, item): item for item in live}
        for item in applied:
            key = _key(name, item)
            items[key] = _merged(items[key], item) if key in items else deepcopy(item)
        return list(items.values())
    if isinstance(live, list) and isinstance(applied, list) and name in SETS:
        return [*live, *(item for item in applied if item not in live)]
    return deepcopy(applied)


def _without(manifest: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    left, dropped = deepcopy(manifest), set(paths)
    for path in sorted(dropped, key=len, reverse=True):
        # A path below a dropped one is removed with it.
        if not any(path[:length] in dropped for length in range(1, len(path))):
            _remove(left, path, "")
    return left


def _remove(node: Any, path: Path, name: str) -> None:
    """Remove the value at `path`, and each map or list above it that becomes empty."""
    step, *rest = path
    if step.startswith("f:"):
        field = step[2:]
        if not isinstance(node, dict) or field not in node:
            return
        if rest:
            _remove(node[field], tuple(rest), field)
        if not rest or node[field] in ({}, []):
            del node[field]
    elif step.startswith("v:"):
        node[:] = [item for item in node if f"v:{json.dumps(item)}" != step]
    else:
        for item in [one for one in node if _key(name, one) == step]:
            if rest:
                _remove(item, tuple(rest), name)
            else:
                node.remove(item)


def _tidy(owners: Owners) -> Owners:
    return {manager: paths for manager, paths in owners.items() if paths}
