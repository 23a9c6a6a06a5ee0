"""Keeping the children of a source as they should be: written when something differs, and only then.

What the operator makes is whole: a field that somebody else has set in it goes. It is asked by a dry run first what
the API server would make of the object: what comes back there is admission's, and is left. What somebody sets again
and again is left as well, with growing pauses: see `contests`.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.conditions import ConditionType
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import belongs_to, is_managed, is_owned_by_former_source
from sluice_operator.desired.diff import Difference, find_differences
from sluice_operator.desired.field_descriptions import describe_differences, describe_spec_fields
from sluice_operator.desired.field_paths import value_at
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION, FIELD_MANAGER
from sluice_operator.desired.replacement_patch import build_replacement_patch
from sluice_operator.kubernetes.client import SECRETS, ApiError, ApiResource, KubernetesClient, Manifest
from sluice_operator.observed.contested_messages import deletion_contest, is_owned_by_others, setters_by_path
from sluice_operator.observed.facts import Contest, Refusal
from sluice_operator.observed.field_managers import owned_names
from sluice_operator.reconcile.child_errors import kind_and_name, name_taken, rejected, repeatedly_deleted, terminating
from sluice_operator.reconcile.child_state import ChildState, RejectedWrite
from sluice_operator.reconcile.contested_fields import not_within
from sluice_operator.status.reasons import ConditionReason, EventReason
from sluice_operator.status.transitions import Event

logger = logging.getLogger(__name__)

REFUSAL_SECONDS: Final = 30.0
"""For how long what was refused is not tried again, unless something else is wanted, or there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyResult:
    """What has become of one child."""

    live: Manifest | None
    """The child as it is now, if it is there."""
    events: tuple[Event, ...] = ()
    refusal: Refusal | None = None
    contests: tuple[Contest, ...] = ()
    """The fields that are left as somebody else has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Child:
    """One child to be looked at."""

    api: ApiResource
    source: Source
    desired: Manifest
    state: ChildState

    @property
    def name(self) -> str:
        return kind_and_name(self.desired)

    @property
    def namespaced_name(self) -> tuple[str, str]:
        return self.desired["metadata"]["namespace"], self.desired["metadata"]["name"]

    @property
    def desired_hash(self) -> str:
        return _desired_hash(self.desired)


class ChildApplier:
    """Writes children. It remembers, for as long as the process lives, what it should not try at once
    again.
    """

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._states: dict[str, ChildState] = {}
        """By path."""

    async def ensure(
        self, api: ApiResource, desired: Manifest, *, live: Manifest | None, source: Source
    ) -> ApplyResult:
        """Make the child be as `wanted`; `live` is what it is.

        At rest nothing is asked of the API server. Raises KubeError if a new try may help.
        """
        if live is not None and (stranger := _ownership_conflict(live, source)):
            return ApplyResult(live=None, refusal=stranger)
        path = api.path(desired["metadata"]["namespace"], desired["metadata"]["name"])
        memory = self._states.setdefault(path, ChildState(was_contested=_was_contested(source)))
        task = _Child(api=api, source=source, desired=desired, state=memory)
        if live is not None and _is_in_sync(task, live):
            return _result(task, live)
        if refusal := memory.active_refusal(task.desired_hash, _generation(live)):
            return _result(task, live, refusal=refusal)
        try:
            return await (self._create(task) if live is None else self._update(task, live))
        except ApiError as error:
            return await self._handle_error(error, task, live)

    async def delete(self, api: ApiResource, live: Manifest) -> Event | None:
        """Delete a child that is wanted no longer. Raises KubeError if a new try may help."""
        metadata = live["metadata"]
        try:
            was_there = await self._client.delete(api, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        except ApiError as error:
            if not error.is_refusal:
                raise
            logger.warning("%s is wanted no longer and can't be deleted: %s", kind_and_name(live), error)
            return None
        message = f"Deleted {kind_and_name(live)}, which is wanted no longer"
        return Event(type="Normal", reason=EventReason.DELETED, message=message) if was_there else None

    def drop(self, api: ApiResource, namespace: str, name: str) -> None:
        """Drop what is remembered of a child that is gone for good."""
        self._states.pop(api.path(namespace, name), None)

    async def _create(self, child: _Child) -> ApplyResult:
        memory = child.state
        if memory.existed and memory.must_defer_recreation():
            tells = () if memory.is_reported("deleted") else (_deletion_event(child),)
            if child.api is SECRETS:  # pods that run do without it
                return ApplyResult(live=None, events=tells, contests=(deletion_contest(child.name),))
            return _result(child, None, refusal=repeatedly_deleted(child.desired), events=tells)
        written = await self._client.apply(child.api, child.desired, manager=FIELD_MANAGER)
        memory.record_write(child.desired_hash)
        # There was a pod, so there was all that it needs.
        if child.source.status.image is None and not memory.existed:
            tell = Event(type="Normal", reason=EventReason.CREATED, message=f"Created {child.name}")
        else:
            message = f"Put back {child.name}: it was deleted"
            tell = Event(type="Warning", reason=EventReason.CHILD_RESTORED, message=message)
        return _finished(child, written, tell)

    async def _update(self, child: _Child, cached: Manifest) -> ApplyResult:
        """Put right what is otherwise, except what is not the operator's to decide."""
        memory = child.state
        live = await self._client.get(child.api, *child.namespaced_name)
        if live is None or live["metadata"]["uid"] != cached["metadata"]["uid"]:
            return _result(child, cached)  # the next look sees what has become of it
        is_change = memory.desired_hash != child.desired_hash and _desired_hash(live) != child.desired_hash
        if is_change:
            memory.contested.allow_retry()
        wanted = memory.contested.yield_to(live, child.desired)
        target = await self._patch(child, live, wanted, dry_run=True)
        # What does not come out of the dry run as it is wanted would not come out of a write either.
        found = not_within(find_differences(live, target), [one.path for one in find_differences(target, wanted)])
        if not is_change and (left := memory.contested.record_writes(found, set_by=setters_by_path(live, found))):
            found = not_within(found, left)
            wanted = memory.contested.yield_to(live, child.desired)
        if not found:
            memory.desired_hash = child.desired_hash
            return _finished(child, live)
        return await self._write(child, live, wanted, found, is_change=is_change)

    async def _write(
        self, child: _Child, live: Manifest, desired: Manifest, found: list[Difference], *, is_change: bool
    ) -> ApplyResult:
        if not _obsolete_metadata(live, desired) and all(value_at(desired, one.path) is not None for one in found):
            written = await self._client.apply(child.api, desired, manager=FIELD_MANAGER)
        else:
            written = await self._patch(child, live, desired, dry_run=False)
        child.state.record_write(child.desired_hash)
        return _finished(child, written, *_write_events(child, live, found, is_change=is_change))

    async def _handle_error(self, error: ApiError, child: _Child, live: Manifest | None) -> ApplyResult:
        """What has become of a child that could not be written. Raises `error` if a new try may help."""
        if error.is_conflict and live is not None:  # somebody has changed it meanwhile: the next look sees it
            return _result(child, live)
        if error.is_immutable_field and live is not None and is_managed(live):
            return await self._recreate(child, live, error)
        if not error.is_refusal:
            raise error
        return _result(child, live, refusal=_record_refusal(child, live, error))

    async def _patch(self, child: _Child, live: Manifest, desired: Manifest, *, dry_run: bool) -> Manifest:
        operations = build_replacement_patch(live, desired, former_keys=_obsolete_metadata(live, desired))
        return await self._client.json_patch(
            child.api, *child.namespaced_name, operations, manager=FIELD_MANAGER, dry_run=dry_run
        )

    async def _recreate(self, child: _Child, live: Manifest, error: ApiError) -> ApplyResult:
        """Delete what can't become what is wanted, as a child of a former version; it is made anew when it is gone,
        with all its pods.
        """
        if child.state.must_defer_recreation():
            return _result(child, live, refusal=_record_refusal(child, live, error))
        metadata = live["metadata"]
        await self._client.delete(child.api, *child.namespaced_name, uid=metadata["uid"], foreground=True)
        child.state.existed = False
        message = f"{child.name} can't be changed into what is wanted, so it is deleted and made anew: {error.message}"
        logger.warning("%s", message)
        return _result(child, live, events=(Event(type="Warning", reason=EventReason.CHILD_RESTORED, message=message),))


def _ownership_conflict(live: Manifest, source: Source) -> Refusal | None:
    """Why `live` is not to be touched, if it isn't."""
    own = {"kind": type(source).__name__, "name": source.metadata.name, "uid": source.metadata.uid}
    if is_owned_by_former_source(live, **own):
        return terminating(live)
    return None if belongs_to(live, **own) else name_taken(live)


def _is_in_sync(child: _Child, live: Manifest) -> bool:
    """Whether nothing is to be done about `live`. Notes that it is there."""
    child.state.existed = True
    # One that is being deleted is made anew when its end is seen.
    if "deletionTimestamp" in live["metadata"]:
        return True
    if child.state.is_in_sync(live, child.desired_hash):
        return True
    found = find_differences(live, child.desired)
    if not child.state.are_from_admission(not_within(found, child.state.contested.yielded())):
        return False
    child.state.record_in_sync(live, child.desired_hash, is_identical=not found)
    return True


def _finished(child: _Child, live: Manifest, *tells: Event) -> ApplyResult:
    """What has become of a child about which no more can be done: what is still otherwise is admission's."""
    child.state.record_admission_changes(find_differences(live, child.desired), yielded=child.state.contested.yielded())
    for tell in tells:
        logger.info("%s/%s: %s", child.source.metadata.namespace, child.source.metadata.name, tell.message)
    return _result(child, live, events=(*tells, *_contest_events(child, live)))


def _result(
    child: _Child, live: Manifest | None, *, events: tuple[Event, ...] = (), refusal: Refusal | None = None
) -> ApplyResult:
    contests = child.state.contests(child.name, live) if live is not None else ()
    return ApplyResult(live=live, events=events, refusal=refusal, contests=contests)


def _write_events(child: _Child, live: Manifest, found: list[Difference], *, is_change: bool) -> list[Event]:
    tells = []
    if is_change:
        tells.append(Event(type="Normal", reason=EventReason.UPDATED, message=f"Updated {child.name}"))
        found = [difference for difference in found if is_owned_by_others(live, difference)]
    if found:
        advice = describe_spec_fields(found)
        message = f"Put back {child.name}: {describe_differences(found, managers=setters_by_path(live, found))}" + (
            f"; {advice}" if advice else ""
        )
        tells.append(Event(type="Warning", reason=EventReason.CHILD_RESTORED, message=message))
    return tells


def _contest_events(child: _Child, live: Manifest) -> tuple[Event, ...]:
    contests = child.state.contests(child.name, live)
    if not contests or child.state.is_reported(",".join(sorted(contest.field for contest in contests))):
        return ()
    one = contests[0]
    more = f" (and {len(contests) - 1} more fields)" if len(contests) > 1 else ""
    message = (
        f"{one.child}: {one.field} is {one.found}, as {one.by} has set it, and not {one.wanted}{more}; it is left: "
        f"{one.advice}"
    )
    logger.warning("%s", message)
    return (Event(type="Warning", reason=EventReason.CHILD_CONTESTED, message=message),)


def _deletion_event(child: _Child) -> Event:
    message = repeatedly_deleted(child.desired).message
    logger.warning("%s", message)
    return Event(type="Warning", reason=EventReason.CHILD_CONTESTED, message=message)


def _record_refusal(child: _Child, live: Manifest | None, error: ApiError) -> Refusal:
    refusal = rejected(child.desired, live, error)
    until = time.monotonic() + REFUSAL_SECONDS
    child.state.rejected = RejectedWrite(
        desired_hash=child.desired_hash, generation=_generation(live), retry_at=until, refusal=refusal
    )
    logger.warning("%s", refusal.message)
    return refusal


def _obsolete_metadata(live: Manifest, desired: Manifest) -> set[str]:
    """The names of labels and annotations of `live` that are the operator's and are wanted no longer."""
    return {
        name
        for part in ("labels", "annotations")
        for name in owned_names(live, ("metadata", part), FIELD_MANAGER)
        if name not in desired["metadata"].get(part, {})
    }


def _was_contested(source: Source) -> bool:
    """Whether an operator before this one has left a field of a child to somebody else."""
    return any(
        condition.type == ConditionType.CHILDREN_CONTESTED and condition.reason == ConditionReason.CONTESTED
        for condition in source.status.conditions or ()
    )


def _desired_hash(manifest: Mapping[str, Any]) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(DESIRED_HASH_ANNOTATION, ""))


def _generation(live: Manifest | None) -> int:
    return int(live["metadata"].get("generation", 0)) if live else 0
