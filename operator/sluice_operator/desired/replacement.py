"""The one change that makes a live object be as it should be, fields of others taken away. Pure.

Server-side apply can't take a field from another manager. A JSON patch that sets the operator's parts as a whole can,
in one write, and its dry run tells what the API server and admission would make of them.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sluice_operator.desired.child_metadata import Manifest
from sluice_operator.desired.diff import NOT_OWNED, RESTARTED
from sluice_operator.desired.field_paths import Path, value_at, with_value

_RESTARTED_PATH: Path = ("spec", "template", "metadata", "annotations", RESTARTED)


def replacement(live: Mapping[str, Any], wanted: Manifest, *, former: Collection[str]) -> list[Manifest]:
    """The operations of a JSON patch from `live` to `wanted`, for that version of `live` alone.

    The labels, annotations and owners that others have put on the object stay, and the annotation of
    `kubectl rollout restart` on the pod. `former` are the names of labels and annotations that were the operator's
    and are so no longer.
    """
    restarted = value_at(live, _RESTARTED_PATH)
    if restarted is not None:
        wanted = with_value(wanted, _RESTARTED_PATH, restarted)
    before, after = live["metadata"], wanted["metadata"]
    operations = [{"op": "add", "path": "/metadata/resourceVersion", "value": before["resourceVersion"]}]
    for part in ("labels", "annotations"):
        kept = {name: value for name, value in (before.get(part) or {}).items() if name not in former}
        operations.append({"op": "add", "path": f"/metadata/{part}", "value": {**kept, **(after.get(part) or {})}})
    owners = after["ownerReferences"]
    uids = {owner["uid"] for owner in owners}
    others = [owner for owner in before.get("ownerReferences") or [] if owner["uid"] not in uids]
    operations.append({"op": "add", "path": "/metadata/ownerReferences", "value": [*others, *owners]})
    for name in sorted({*live, *wanted} - NOT_OWNED):
        change = {"op": "add", "value": wanted[name]} if name in wanted else {"op": "remove"}
        operations.append({**change, "path": f"/{name}"})
    return operations
