"""Builds the JSON patch that makes a live object equal to the desired one, and removes fields of others. Pure.

Server-side apply can't remove a field of another manager. A JSON patch that replaces the operator's parts can, in one
write. Its dry run shows what the API server and admission would store.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sluice_operator.desired.child_metadata import Manifest
from sluice_operator.desired.diff import NOT_OWNED_FIELDS, RESTARTED_AT_ANNOTATION
from sluice_operator.desired.field_paths import FieldPath, value_at, with_value

_RESTARTED_AT_PATH: FieldPath = ("spec", "template", "metadata", "annotations", RESTARTED_AT_ANNOTATION)


def build_replacement_patch(
    live: Mapping[str, Any], desired: Manifest, *, former_keys: Collection[str]
) -> list[Manifest]:
    """The operations of a JSON patch from `live` to `desired`, for exactly that version of `live`.

    The labels, annotations and owners that others have added to the object stay, and so does the annotation of `kubectl
    rollout restart` on the pod template. `former_keys` are labels and annotations that the operator set and no longer
    wants.
    """
    restarted = value_at(live, _RESTARTED_AT_PATH)
    if restarted is not None:
        desired = with_value(desired, _RESTARTED_AT_PATH, restarted)
    before, after = live["metadata"], desired["metadata"]
    operations = [{"op": "add", "path": "/metadata/resourceVersion", "value": before["resourceVersion"]}]
    for part in ("labels", "annotations"):
        kept = {name: value for name, value in (before.get(part) or {}).items() if name not in former_keys}
        operations.append({"op": "add", "path": f"/metadata/{part}", "value": {**kept, **(after.get(part) or {})}})
    owners = after["ownerReferences"]
    uids = {owner["uid"] for owner in owners}
    others = [owner for owner in before.get("ownerReferences") or [] if owner["uid"] not in uids]
    operations.append({"op": "add", "path": "/metadata/ownerReferences", "value": [*others, *owners]})
    for name in sorted({*live, *desired} - NOT_OWNED_FIELDS):
        change = {"op": "add", "value": desired[name]} if name in desired else {"op": "remove"}
        operations.append({**change, "path": f"/{name}"})
    return operations
