"""In what a live object is otherwise than it should be. Pure.

What the operator makes is whole: everything in a Deployment's spec and in a Secret's data is its own. A field that is
not wanted is a difference like one that is missing. No differences are the defaults of the API server, the annotation
of `kubectl rollout restart`, and the labels, annotations and owners that others have put on the object itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.quantity import parse_quantity
from sluice_operator.desired.api_server_defaults import is_default
from sluice_operator.desired.field_paths import Path, by_identity

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation that `kubectl rollout restart` sets on the pod."""
NOT_OWNED: Final = frozenset({"apiVersion", "kind", "metadata", "status"})
"""The parts of an object beside which all is the operator's."""

_RESTARTED_PATH: Final[Path] = ("spec", "template", "metadata", "annotations")
_QUANTITIES: Final = frozenset({"requests", "limits"})
_QUANTITY: Final = frozenset({"sizeLimit", "divisor"})
_TELLING_IF_EMPTY: Final = frozenset({"labelSelector", "namespaceSelector"})
"""Where an empty object means something else than none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One field that is not as it should be. None stands for no field."""

    path: Path
    wanted: Any
    found: Any


def differences(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Difference]:
    """In what the object `live` is otherwise than `wanted`.

    Lists of objects are compared by name, whatever their order; quantities by their value. What is empty is the same
    as no field, since the API server drops most of that.
    """
    return [*_of_metadata(live["metadata"], wanted["metadata"]), *_of_body(live, wanted)]


def _of_metadata(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Difference]:
    for part in ("labels", "annotations"):
        found = live.get(part) or {}
        for name, value in (wanted.get(part) or {}).items():
            if name not in found or found[name] != value:
                yield Difference(path=("metadata", part, name), wanted=value, found=found.get(name))
    owners = {owner["uid"]: owner for owner in live.get("ownerReferences") or []}
    for owner in wanted.get("ownerReferences") or []:
        yield from _between(
            owners.get(owner["uid"]),
            owner,
            path=("metadata", "ownerReferences", (("uid", owner["uid"]),)),
            holder="ownerReferences",
            siblings={},
        )


def _of_body(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*live, *wanted} - NOT_OWNED):
        yield from _between(live.get(name), wanted.get(name), path=(name,), holder="", siblings=wanted)


def _between(
    live: Any, wanted: Any, *, path: Path, holder: str, siblings: Mapping[str, Any], name: str | None = None
) -> Iterator[Difference]:
    """The differences between two values of the field at `path`. `holder` is the field that it is in, `siblings` what
    is wanted beside it.
    """
    name = name or (path[-1] if isinstance(path[-1], str) else "")
    if _is_nothing(name, wanted):
        if not _is_nothing(name, live) and not is_default(holder, name, live, siblings):
            yield from _unwanted(live, path)
    elif isinstance(wanted, Mapping):
        yield from _between_maps(live, wanted, path=path, name=name or holder)
    elif isinstance(wanted, Sequence) and not isinstance(wanted, str):
        yield from _between_lists(live, wanted, path=path, name=name)
    elif not _are_equal(name, live, wanted):
        yield Difference(path=path, wanted=wanted, found=live)


def _unwanted(live: Any, path: Path) -> Iterator[Difference]:
    if path == _RESTARTED_PATH and isinstance(live, Mapping):
        live = {name: value for name, value in live.items() if name != RESTARTED}
        if not live:
            return
    yield Difference(path=path, wanted=None, found=live)


def _between_maps(live: Any, wanted: Mapping[str, Any], *, path: Path, name: str) -> Iterator[Difference]:
    if not isinstance(live, Mapping):
        if live is not None or name in _TELLING_IF_EMPTY or any(not _is_nothing(*field) for field in wanted.items()):
            yield Difference(path=path, wanted=wanted, found=live)
        return
    for field in sorted({*live, *wanted}):
        if path == _RESTARTED_PATH and field == RESTARTED:
            continue
        if name in _QUANTITIES and field in live and field in wanted:
            if not _is_same_quantity(live[field], wanted[field]):
                yield Difference(path=(*path, field), wanted=wanted[field], found=live[field])
            continue
        yield from _between(
            live.get(field), wanted.get(field), path=(*path, field), holder=name, siblings=wanted, name=field
        )


def _between_lists(live: Any, wanted: Sequence[Any], *, path: Path, name: str) -> Iterator[Difference]:
    items = live if isinstance(live, Sequence) and not isinstance(live, str) else []
    pairs = by_identity(items, wanted) if items else None
    if pairs is not None:
        found, asked = pairs
        for identity in sorted({*found, *asked}, key=str):
            if identity not in asked:
                yield Difference(path=(*path, identity), wanted=None, found=found[identity])
            else:
                yield from _between(
                    found.get(identity), asked[identity], path=(*path, identity), holder=name, siblings={}
                )
    elif len(items) != len(wanted) or any(
        next(_between(one, other, path=(*path, ()), holder=name, siblings={}), None)
        for one, other in zip(items, wanted, strict=True)
    ):
        yield Difference(path=path, wanted=wanted, found=live)


def _are_equal(name: str, live: Any, wanted: Any) -> bool:
    if name in _QUANTITY:
        return _is_same_quantity(live, wanted)
    return type(live) is type(wanted) and bool(live == wanted)


def _is_same_quantity(live: Any, wanted: Any) -> bool:
    try:
        return parse_quantity(live) == parse_quantity(wanted)
    except ValueError:
        return bool(live == wanted)


def _is_nothing(name: str, value: Any) -> bool:
    if value in (None, ""):
        return True
    return isinstance(value, Mapping | list | tuple) and not value and name not in _TELLING_IF_EMPTY
