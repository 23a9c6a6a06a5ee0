"""Paths of fields in Kubernetes objects: how to show, follow and set them. Pure.

A step is the name of a field, or the fields that identify an item of a list. So the path of an environment variable
does not depend on its position in the list.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

ItemIdentity: TypeAlias = tuple[tuple[str, Any], ...]
"""The fields that identify an item of a list, with their values."""
FieldPath: TypeAlias = tuple[str | ItemIdentity, ...]

_IDENTITY_KEYS: Final = (
    ("mountPath",),
    ("devicePath",),
    ("containerPort",),
    ("uid",),
    ("topologyKey", "whenUnsatisfiable"),
    ("ip",),
    ("name",),
)
"""The fields that can identify the items of a list, the most specific first. Atomic lists, such as tolerations, have
none of these.
"""


def format_path(path: FieldPath) -> str:
    """`path` for a message: `spec.template.spec.containers[ingester].env[LOG_LEVEL].value`."""
    text = ""
    for step in path:
        if not isinstance(step, str):
            text += f"[{','.join(str(value) for _, value in step)}]"
        elif "." in step or "/" in step:
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def is_within(path: FieldPath, other: FieldPath) -> bool:
    """Whether `path` is `other` or below it."""
    return path[: len(other)] == other


def match_items(
    one: Sequence[Any], other: Sequence[Any]
) -> tuple[dict[ItemIdentity, Any], dict[ItemIdentity, Any]] | None:
    """The items of two lists by their identity, or None if they have no common identity."""
    items = [*one, *other]
    if not all(isinstance(item, Mapping) for item in items):
        return None
    keys = next(
        (
            keys
            for keys in _IDENTITY_KEYS
            if all(isinstance(item.get(key), str | int) for item in items for key in keys)
        ),
        None,
    )
    if keys is None:
        return None
    first, second = ({_identity(item, keys): item for item in each} for each in (one, other))
    return (first, second) if (len(first), len(second)) == (len(one), len(other)) else None


def value_at(item: Any, path: FieldPath) -> Any:
    """The value at `path`, or None."""
    for step in path:
        item = _child(item, step)
    return item


def with_value(item: Any, path: FieldPath, value: Any) -> Any:
    """A copy of `item` with `value` at `path`, or without the field there if `value` is None."""
    if not path:
        return value
    step, *rest = path
    inner = with_value(_child(item, step), tuple(rest), value)
    if isinstance(step, str):
        others = {name: each for name, each in (item or {}).items() if name != step}
        return others if inner is None else {**(item or {}), step: inner}
    items = list(item or [])
    place = next((place for place, each in enumerate(items) if _has(each, step)), len(items))
    return [*items[:place], *([] if inner is None else [inner]), *items[place + 1 :]]


def _child(item: Any, step: str | ItemIdentity) -> Any:
    if isinstance(step, str):
        return item.get(step) if isinstance(item, Mapping) else None
    return next((each for each in item if _has(each, step)), None) if isinstance(item, list | tuple) else None


def _has(item: Any, identity: ItemIdentity) -> bool:
    return isinstance(item, Mapping) and all(item.get(key) == value for key, value in identity)


def _identity(item: Mapping[str, Any], keys: tuple[str, ...]) -> ItemIdentity:
    return tuple((key, item[key]) for key in keys)
