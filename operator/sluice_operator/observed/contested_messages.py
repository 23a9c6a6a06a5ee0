"""What is told of fields that are left as somebody else has them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_descriptions import place_of, value_words
from sluice_operator.desired.field_paths import Path, shown
from sluice_operator.desired.naming import FIELD_MANAGER
from sluice_operator.observed.facts import Contest
from sluice_operator.observed.field_managers import last_other, managers_of

ADMISSION: Final = "admission (a mutating webhook or policy)"


def who_set(live: Mapping[str, Any], differences: Iterable[Difference]) -> dict[Path, str]:
    """By path, who has set what stands in `live`, as far as its managedFields tell."""
    return {difference.path: by for difference in differences if (by := _who(live, difference))}


def is_held_by_others(live: Mapping[str, Any], difference: Difference) -> bool:
    """Whether what stands there is a field of somebody else's."""
    return difference.found is not None and bool(set(managers_of(live, difference.path)) - {FIELD_MANAGER})


def by_admission(child: str, difference: Difference) -> Contest:
    """The contest about a field that admission sets at each write."""
    return Contest(
        child=child,
        field=shown(difference.path),
        wanted=value_words(difference.path, difference.wanted),
        found=value_words(difference.path, difference.found),
        by=ADMISSION,
        by_admission=True,
        advice=_admission_advice(difference),
    )


def by_others(child: str, path: Path, *, wanted: Any, found: Any, by: str) -> Contest:
    """The contest about a field that somebody sets again and again."""
    return Contest(
        child=child,
        field=shown(path),
        wanted=value_words(path, wanted),
        found=value_words(path, found),
        by=by or "somebody",
        by_admission=False,
        advice=_advice(path, by=by, found=found),
    )


def by_deletion(child: str) -> Contest:
    """The contest about an object that somebody deletes each time that it is made."""
    return Contest(
        child=child,
        field="the object itself",
        wanted="there",
        found="deleted",
        by="somebody",
        by_admission=False,
        advice="find out who does it (the API server's audit log tells) and make an exception for it",
    )


def _who(live: Mapping[str, Any], difference: Difference) -> str:
    managers = managers_of(live, difference.path) if difference.found is not None else []
    others = [manager for manager in managers if manager != FIELD_MANAGER]
    name = ", ".join(others or managers) or last_other(live, FIELD_MANAGER)
    return f"field manager {name}" if name else ""


def _admission_advice(difference: Difference) -> str:
    place = place_of(difference.path)
    if place and difference.found is not None:
        return f"set the same in {place}, or keep the webhook or policy away from this object"
    return "keep the webhook or policy away from this object, if it is not meant"


def _advice(path: Path, *, by: str, found: Any) -> str:
    place = place_of(path)
    same = f"set the same in {place}, or " if place and found is not None and place != "spec.suspend" else ""
    return f"{same}stop {by or 'whoever does it (`kubectl get --show-managed-fields` tells)'}"
