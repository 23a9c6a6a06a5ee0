"""What others have put into a status, of which the operator is the one writer.

Server-side apply leaves what another has written: somebody who edits the subresource, or a backup that is restored
with its statuses. A `Stalled` of former times would so stand for ever. Conditions of types that the operator doesn't
know are no part of its verdict: those are left to whoever writes them.
"""

from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.api.conditions import OWN_CONDITION_TYPES

_CONDITIONS: Final = "conditions"


def removal_patch(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch that takes from the status `live` what does not stand in `wanted`; empty if nothing does.

    `live` is the status after `wanted` was applied: all that stands in `wanted` stands there.
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
