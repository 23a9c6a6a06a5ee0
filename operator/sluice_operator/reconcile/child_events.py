"""The Events about children: which were created, updated, restored, or left to other writers. Pure."""

from collections.abc import Sequence

from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_descriptions import describe_differences, describe_spec_fields
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.event import Event
from sluice_operator.observed.contested_messages import is_owned_by_others, setters_by_path
from sluice_operator.observed.facts.children import Contest
from sluice_operator.reconcile.child_errors import kind_and_name, repeatedly_deleted
from sluice_operator.status.event_reasons import EventReason
from sluice_operator.status.events import event_of


def created(desired: Manifest) -> Event:
    """The child was created for the first time."""
    return event_of(EventReason.CREATED, f"Created {kind_and_name(desired)}")


def recreated(desired: Manifest) -> Event:
    """The child was created again after somebody had deleted it."""
    message = f"Restored {kind_and_name(desired)}: it was deleted"
    return event_of(EventReason.CHILD_RESTORED, message)


def deleted(live: Manifest) -> Event:
    """The child was deleted, since it is no longer desired."""
    message = f"Deleted {kind_and_name(live)}, which is no longer needed"
    return event_of(EventReason.DELETED, message)


def deleted_to_recreate(desired: Manifest, problem: str) -> Event:
    """The child was deleted, since it can't be changed into the desired one."""
    message = f"{kind_and_name(desired)} can't be changed as needed, so it is deleted and created again: {problem}"
    return event_of(EventReason.CHILD_RESTORED, message)


def left_deleted(desired: Manifest) -> Event:
    """The child is not created again for now, since somebody deletes it each time."""
    return event_of(EventReason.CHILD_CONTESTED, repeatedly_deleted(desired).message)


def written(desired: Manifest, live: Manifest, differences: list[Difference], *, is_change: bool) -> list[Event]:
    """`live` was overwritten where it had `differences`; `is_change` if something else is desired than before."""
    name, events = kind_and_name(desired), []
    if is_change:
        if not all(map(_is_about_owners, differences)):
            events.append(event_of(EventReason.UPDATED, f"Updated {name}"))
        differences = [difference for difference in differences if is_owned_by_others(live, difference)]
    if differences:
        changes = describe_differences(differences, managers=setters_by_path(live, differences))
        advice = describe_spec_fields(differences)
        message = f"Restored {name}: {changes}" + (f"; {advice}" if advice else "")
        events.append(event_of(EventReason.CHILD_RESTORED, message))
    return events


def _is_about_owners(difference: Difference) -> bool:
    """Whether another source shares the object, or no longer does. That is no news about this one."""
    is_hash = difference.path == ("metadata", "annotations", DESIRED_HASH_ANNOTATION)
    return is_hash or difference.path[:2] == ("metadata", "ownerReferences")


def contested(contests: Sequence[Contest]) -> Event:
    """The first of `contests`, and how many more fields are left to others."""
    one = contests[0]
    more = f" (and {len(contests) - 1} more fields)" if len(contests) > 1 else ""
    message = (
        f"{one.child}: {one.field} is {one.found} and not {one.wanted}, set by {one.by}{more}; the operator leaves it: "
        f"{one.advice}"
    )
    return event_of(EventReason.CHILD_CONTESTED, message)
