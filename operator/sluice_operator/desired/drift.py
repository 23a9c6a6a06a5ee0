"""Whether a live object is as it should be, so that nothing is written when nothing is wrong.

The API server adds defaults, and other controllers add fields of their own: only what is desired counts. A
field that is desired no longer shows in the stamp of the whole (see `manifest.child`), which differs then.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sluice_operator.api.quantity import parse_quantity

_MERGE_KEYS: Final = (("mountPath",), ("containerPort",), ("uid",), ("topologyKey", "whenUnsatisfiable"), ("name",))
"""What tells the items of a list apart, the most telling first. Lists that the API server takes as a whole, such as
tolerations, have none of these: their items count by their places.
"""

_QUANTITIES: Final = frozenset({"requests", "limits"})
_QUANTITY: Final = frozenset({"sizeLimit", "divisor"})


def covers(live: Any, desired: Any) -> bool:
    """Whether every field of `desired` stands in `live`.

    Lists of objects are compared by name, whatever their order; quantities by their value. None means that
    the field must not be there. What is empty is the same as no field, since the API server drops most of that.
    """
    if isinstance(desired, Mapping):
        return isinstance(live, Mapping) and all(
            _covers_field(live, name=name, desired=value) for name, value in desired.items()
        )
    if isinstance(desired, Sequence) and not isinstance(desired, str):
        return isinstance(live, Sequence) and not isinstance(live, str) and _covers_list(live, desired)
    return type(live) is type(desired) and bool(live == desired)


def removal_patch(live: Any, desired: Any) -> dict[str, Any]:
    """The JSON merge patch to send before an apply; empty if none is needed.

    It takes away the fields that must not be there (None in `desired`), together with their siblings, without
    which the API server might put them back. Server-side apply can't: a field that someone else has set stays.
    """
    if not isinstance(live, Mapping) or not isinstance(desired, Mapping):
        return {}
    nested = {name: removal_patch(live.get(name), value) for name, value in desired.items()}
    patch = {name: value for name, value in nested.items() if value}
    if any(value is None and live.get(name) is not None for name, value in desired.items()):
        patch |= {name: value for name, value in desired.items() if not isinstance(value, Mapping | list)}
    return patch


def _covers_field(live: Mapping[str, Any], *, name: str, desired: Any) -> bool:
    if desired is None or desired == "":
        return live.get(name) in (None, "")
    if name not in live:
        return desired in ({}, [])
    if name in _QUANTITIES and isinstance(desired, Mapping):
        return _covers_quantities(live[name], desired)
    if name in _QUANTITY:
        return _is_quantity(live[name], desired)
    return covers(live[name], desired)


def _covers_list(live: Sequence[Any], desired: Sequence[Any]) -> bool:
    keys = _merge_keys(desired)
    if keys is None:
        return len(live) == len(desired) and all(map(covers, live, desired))
    by_key = {_identity(item, keys): item for item in live if isinstance(item, Mapping)}
    return all(covers(by_key.get(_identity(item, keys)), item) for item in desired)


def _merge_keys(items: Sequence[Any]) -> tuple[str, ...] | None:
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    return next((keys for keys in _MERGE_KEYS if all(key in item for item in items for key in keys)), None)


def _identity(item: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


def _covers_quantities(live: Any, desired: Mapping[str, Any]) -> bool:
    return isinstance(live, Mapping) and all(
        name in live and parse_quantity(live[name]) == parse_quantity(amount) for name, amount in desired.items()
    )


def _is_quantity(live: Any, desired: Any) -> bool:
    try:
        return parse_quantity(live) == parse_quantity(desired)
    except ValueError:
        return bool(live == desired)
