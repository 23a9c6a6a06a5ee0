"""Finds fields of a status that another writer has set, although only the operator should write it.

A person can edit the subresource, or restore a backup with statuses. Server-side apply would not remove such fields, so
an old `Stalled` would stay for ever. Conditions of types that the operator does not know are kept.
"""

from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.api.conditions import OWN_CONDITION_TYPES

_CONDITIONS: Final = "conditions"


def removal_patch(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch that removes from the status `live` all fields that are not in `wanted`. Empty if there are
    none.

    `live` is the status after `wanted` was applied, so it has everything that is in `wanted`.
    """
    patch: dict[str, Any] = {}
    for name, value in live.items():
        if name not in wanted:
            patch[name] = None
        elif isinstance(value, Mapping):
            if nested := removal_patch(value, wanted[name]):
                patch[name] = nested
        elif isinstance(value, list):
            others = [item for item in value if name == _CONDITIONS and item["type"] not in OWN_CONDITION_TYPES]
            if any(item not in wanted[name] and item not in others for item in value):
                patch[name] = [*wanted[name], *others]
    return patch
