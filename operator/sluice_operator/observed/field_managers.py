"""Reads from the managedFields of an object which field manager owns which field. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sluice_operator.desired.field_paths import FieldPath, ItemIdentity


def managers_of(live: Mapping[str, Any], path: FieldPath) -> list[str]:
    """The field managers that own the field at `path`, sorted. Empty for a field that admission set."""
    return sorted({str(entry["manager"]) for entry in _entries(live) if _owns(entry.get("fieldsV1") or {}, path)})


def last_other_manager(live: Mapping[str, Any], own: str) -> str:
    """The manager other than `own` that changed the object last. Empty if there is none."""
    others = [entry for entry in _entries(live) if entry["manager"] != own]
    return str(max(others, key=lambda entry: str(entry.get("time", "")))["manager"]) if others else ""


def owned_names(live: Mapping[str, Any], path: FieldPath, own: str) -> set[str]:
    """The names of the fields in the map at `path` that `own` owns."""
    names: set[str] = set()
    for entry in _entries(live):
        fields = _at(entry.get("fieldsV1") or {}, path) if entry["manager"] == own else None
        names |= {name[2:] for name in fields or () if name.startswith("f:")}
    return names


def _entries(live: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The entries that are not of the status."""
    return [entry for entry in live["metadata"].get("managedFields") or [] if entry.get("subresource") != "status"]


def _owns(fields: Mapping[str, Any], path: FieldPath) -> bool:
    node: Any = fields
    for step in path:
        found = _step(node, step)
        if found is None:
            return not node and node is not fields  # owned as a whole
        node = found
    return True


def _at(fields: Mapping[str, Any], path: FieldPath) -> Mapping[str, Any] | None:
    node: Any = fields
    for step in path:
        node = _step(node, step)
        if node is None:
            return None
    return dict(node)


def _step(node: Mapping[str, Any], step: str | ItemIdentity) -> Any:
    if isinstance(step, str):
        return node.get(f"f:{step}")
    return next((each for key, each in node.items() if key.startswith("k:") and _matches(key[2:], step)), None)


def _matches(key: str, identity: ItemIdentity) -> bool:
    known = json.loads(key)
    shared = [(name, value) for name, value in identity if name in known]
    return bool(shared) and all(known[name] == value for name, value in shared)
