"""The part of an object that one field manager owns: what it has applied, without what others have added.

See `metadata.managedFields` in the reference of the API.
"""

import json
from typing import Any

from bench.operator_scale.api import Manifest


def applied_by(live: Manifest, manager: str) -> Manifest:
    """The manifest that `manager` has applied to give `live`."""
    identity = {name: live["metadata"][name] for name in ("name", "namespace")}
    owned: Any = {}
    for entry in live["metadata"]["managedFields"]:
        if entry["manager"] == manager and entry["operation"] == "Apply" and not entry.get("subresource"):
            owned = _select(live, entry["fieldsV1"])
    metadata = {**owned.get("metadata", {}), **identity}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], **owned, "metadata": metadata}


def _select(value: Any, fields: Manifest) -> Any:
    """The part of `value` at `fields`. A leaf, which has no field below it, is taken whole."""
    below = {key: inner for key, inner in fields.items() if key != "."}
    if not below:
        return value
    if isinstance(value, list):
        return [_select(item, inner) for key, inner in below.items() for item in value if _is_item(item, key)]
    return {key[2:]: _select(value[key[2:]], inner) for key, inner in below.items() if key[2:] in value}


def _is_item(item: Any, key: str) -> bool:
    """Whether `item` of a list has the key `k:{...}` or the value `v:...`."""
    form, _, text = key.partition(":")
    wanted = json.loads(text)
    return bool(item == wanted if form == "v" else {name: item.get(name) for name in wanted} == wanted)
