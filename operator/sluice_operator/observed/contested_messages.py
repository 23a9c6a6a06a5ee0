"""Messages about fields that the operator leaves as another writer has set them, and what to do. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_descriptions import describe_value, spec_field_of
from sluice_operator.desired.field_paths import FieldPath, format_path
from sluice_operator.desired.naming import FIELD_MANAGER
from sluice_operator.observed.facts.children import Contest
from sluice_operator.observed.field_managers import last_other_manager, managers_of

ADMISSION: Final = "admission (a mutating webhook or policy)"


def setters_by_path(live: Mapping[str, Any], differences: Iterable[Difference]) -> dict[FieldPath, str]:
    """By path, the manager that set the value in `live`, according to its managedFields."""
    return {difference.path: by for difference in differences if (by := _setter(live, difference))}


def is_owned_by_others(live: Mapping[str, Any], difference: Difference) -> bool:
    """Whether another field manager owns the field in `live`."""
    return difference.live is not None and bool(set(managers_of(live, difference.path)) - {FIELD_MANAGER})


def admission_contest(child: str, difference: Difference) -> Contest:
    """A field that admission sets at each write."""
    return Contest(
        child=child,
        field=format_path(difference.path),
        wanted=describe_value(difference.path, difference.desired),
        found=describe_value(difference.path, difference.live),
        by=ADMISSION,
        by_admission=True,
        advice=_admission_advice(difference),
    )


def manager_contest(child: str, path: FieldPath, *, wanted: Any, found: Any, by: str) -> Contest:
    """A field that somebody sets again and again."""
    return Contest(
        child=child,
        field=format_path(path),
        wanted=describe_value(path, wanted),
        found=describe_value(path, found),
        by=by or "somebody",
        by_admission=False,
        advice=_advice(path, by=by, found=found),
    )


def deletion_contest(child: str) -> Contest:
    """An object that somebody deletes each time that the operator creates it."""
    return Contest(
        child=child,
        field="the object itself",
        wanted="there",
        found="deleted",
        by="somebody",
        by_admission=False,
        advice="find out who does it (see the API server's audit log), and make an exception for this object",
    )


def _setter(live: Mapping[str, Any], difference: Difference) -> str:
    managers = managers_of(live, difference.path) if difference.live is not None else []
    others = [manager for manager in managers if manager != FIELD_MANAGER]
    name = ", ".join(others or managers) or last_other_manager(live, FIELD_MANAGER)
    return f"field manager {name}" if name else ""


def _admission_advice(difference: Difference) -> str:
    place = spec_field_of(difference.path)
    if place and difference.live is not None:
        return f"set the same value in {place}, or exclude this object from the webhook or policy"
    return "exclude this object from the webhook or policy, if it was not meant to change it"


def _advice(path: FieldPath, *, by: str, found: Any) -> str:
    place = spec_field_of(path)
    same = f"set the same value in {place}, or " if place and found is not None and place != "spec.suspend" else ""
    return f"{same}stop {by or 'whoever does it (see `kubectl get --show-managed-fields`)'}"
