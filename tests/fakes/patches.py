"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902: add, remove, replace and test). Pure."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any


class PatchError(ValueError):
    """A JSON patch does not fit the document."""


def merge_patched(live: Any, patch: Any) -> Any:
    """`live` after a merge patch."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    merged = dict(live) if isinstance(live, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patched(merged.get(name), value)
    return merged


def json_patched(live: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`live` after a JSON patch. Raises PatchError."""
    document: Any = deepcopy(dict(live))
    for operation in operations:
        *path, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        node = document
        for step in path:
            node = node[int(step)] if isinstance(node, list) else node[step]
        index: Any = (len(node) if last == "-" else int(last)) if isinstance(node, list) else last
        exists = index < len(node) if isinstance(node, list) else index in node
        kind = operation["op"]
        if kind != "add" and not exists:
            raise PatchError(f"{operation['path']} is missing")
        if kind == "test" and node[index] != operation["value"]:
            raise PatchError(f"testing path {operation['path']} failed")
        if kind == "remove":
            del node[index]
        elif kind == "add" and isinstance(node, list):
            node.insert(index, operation["value"])
        elif kind in {"add", "replace"}:
            node[index] = deepcopy(operation["value"])
    return dict(document)
