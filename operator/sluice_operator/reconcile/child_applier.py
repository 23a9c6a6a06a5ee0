"""Writes one child at a time, and only when it differs from what is desired.

- The cached object is compared with the desired one. If they are equal, no request is sent.
- Fields that others have set in a child are removed: the operator owns the object.
- Before an update, a dry run shows what the API server would store. Fields that admission changes are left.
- A field that somebody else sets again and again is left for a while: see `contested_fields`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_common.clock import Clock
from sluice_operator.api.conditions import ConditionType
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import belongs_to, is_managed, is_owned_by_former_source, is_shared
from sluice_operator.desired.diff import Difference, find_differences
from sluice_operator.desired.field_paths import value_at
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION, FIELD_MANAGER
from sluice_operator.desired.replacement_patch import build_replacement_patch
from sluice_operator.kubernetes.api_resource import SECRETS, ApiResource, Manifest
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.event import Event
from sluice_operator.observed.contested_messages import deletion_contest, setters_by_path
from sluice_operator.observed.facts.children import Contest, Refusal
from sluice_operator.observed.field_managers import owned_names
from sluice_operator.reconcile import child_events
from sluice_operator.reconcile.child_errors import kind_and_name, name_taken, rejected, repeatedly_deleted, terminating
from sluice_operator.reconcile.child_state import ChildState, RejectedWrite
from sluice_operator.reconcile.contested_fields import not_within
from sluice_operator.reconcile.source_reader import SourceReader
from sluice_operator.status.condition_reasons import ConditionReason

logger = logging.getLogger(__name__)

REFUSAL_SECONDS: Final = 30.0
"""How long to wait before a refused write is sent again. If something else is desired, or the child has changed, it is
sent at once."""

_MAX_ATTEMPTS: Final = 4
"""How often an update is sent in one reconcile, if somebody else changes the child each time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyResult:
    """The result of applying one child."""

    live: Manifest | None
    """The child as it is now, if it exists."""
    events: tuple[Event, ...] = ()
    refusal: Refusal | None = None
    contests: tuple[Contest, ...] = ()
    """The fields that are left as others set them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Child:
    """One child, while it is compared and written."""

    resource: ApiResource
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
    """Creates, updates and deletes children."""

    def __init__(self, client: KubernetesClient, sources: SourceReader, clock: Clock) -> None:
        self._client = client
        self._sources = sources
        self._clock = clock

    async def ensure(
        self,
        resource: ApiResource,
        desired: Manifest,
        *,
        live: Manifest | None,
        source: Source,
        states: dict[str, ChildState],
    ) -> ApplyResult:
        """Make the child be as `desired`; `live` is the child as cached or read.

        `states` holds the state of each child of `source`, by path. Raises ApiError if a retry may help, and
        SourceDeletedError if the child is missing because its source was deleted.
        """
        if live is not None and (conflict := _ownership_conflict(live, desired, source)):
            return ApplyResult(live=None, refusal=conflict)
        path = resource.path(desired["metadata"]["namespace"], desired["metadata"]["name"])
        if path not in states:
            states[path] = ChildState(was_contested=_was_contested(source), clock=self._clock)
        child = _Child(resource=resource, source=source, desired=desired, state=states[path])
        if live is not None and _is_in_sync(child, live):
            return _result(child, live)
        if refusal := child.state.active_refusal(child.desired_hash, _generation(live)):
            return _result(child, live, refusal=refusal)
        try:
            return await (self._create(child) if live is None else self._update_despite_conflicts(child, live))
        except ApiError as error:
            return await self._handle_error(error, child, live)

    async def delete(self, resource: ApiResource, live: Manifest) -> Event | None:
        """Delete a child that is no longer desired. Raises ApiError if a retry may help."""
        metadata = live["metadata"]
        try:
            existed = await self._client.delete(resource, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        except ApiError as error:
            if not error.is_refusal:
                raise
            logger.warning("%s is no longer needed and can't be deleted: %s", kind_and_name(live), error)
            return None
        return child_events.deleted(live) if existed else None

    async def _create(self, child: _Child) -> ApplyResult:
        state = child.state
        if state.existed and state.must_defer_recreation():
            events = () if state.is_reported("deleted") else (_logged(child_events.left_deleted(child.desired)),)
            if child.resource is SECRETS:  # running pods do not need it
                return ApplyResult(live=None, events=events, contests=(deletion_contest(child.name),))
            return _result(child, None, refusal=repeatedly_deleted(child.desired), events=events)
        # The status names an image if a pod has run, and a pod needs all children.
        is_first = child.source.status.image is None and not state.existed
        if not is_first:
            await self._sources.check_exists(child.source)
        written = await self._client.apply(child.resource, child.desired, manager=FIELD_MANAGER)
        state.record_write(child.desired_hash)
        state.existed = True  # it may be deleted again before a reconcile sees it
        return _finished(child, written, (child_events.created if is_first else child_events.recreated)(child.desired))

    async def _update_despite_conflicts(self, child: _Child, cached: Manifest) -> ApplyResult:
        """Update the child. During a rollout its controller changes it often, also between a read and a write."""
        for _ in range(_MAX_ATTEMPTS - 1):
            try:
                return await self._update(child, cached)
            except ApiError as error:
                if not error.is_conflict:
                    raise
        return await self._update(child, cached)

    async def _update(self, child: _Child, cached: Manifest) -> ApplyResult:
        """Write what differs, except what admission or others set."""
        state = child.state
        live = await self._client.get(child.resource, *child.namespaced_name)
        if live is None or live["metadata"]["uid"] != cached["metadata"]["uid"]:
            return ApplyResult(live=None)  # it is replaced or deleted: the next reconcile sees the result
        is_change = state.desired_hash != child.desired_hash and _desired_hash(live) != child.desired_hash
        if is_change:
            state.contested.allow_retry()
        desired = state.contested.keep_live_values(live, child.desired)
        target = await self._patch(child, live, desired, dry_run=True)
        # If a dry run does not give the desired value, a write would not either.
        from_admission = [one.path for one in find_differences(target, desired)]
        found = not_within(find_differences(live, target), from_admission)
        if not is_change and (left_alone := state.contested.record_writes(found, set_by=setters_by_path(live, found))):
            found = not_within(found, left_alone)
            desired = state.contested.keep_live_values(live, child.desired)
        if not found:
            state.desired_hash = child.desired_hash
            return _finished(child, live)
        return await self._write(child, live, desired, found, is_change=is_change)

    async def _write(
        self, child: _Child, live: Manifest, desired: Manifest, found: list[Difference], *, is_change: bool
    ) -> ApplyResult:
        is_addition = all(value_at(desired, one.path) is not None for one in found)
        if is_addition and not _obsolete_metadata(live, desired):
            written = await self._client.apply(child.resource, desired, manager=FIELD_MANAGER)
        else:
            written = await self._patch(child, live, desired, dry_run=False)
        child.state.record_write(child.desired_hash)
        return _finished(child, written, *child_events.written(child.desired, live, found, is_change=is_change))

    async def _handle_error(self, error: ApiError, child: _Child, live: Manifest | None) -> ApplyResult:
        """The result for a child that could not be written. Raises `error` if a retry may help."""
        if error.is_immutable_field and live is not None and is_managed(live):
            return await self._recreate(child, live, error)
        if not error.is_refusal:
            raise error
        return _result(child, live, refusal=self._record_refusal(child, live, error))

    async def _patch(self, child: _Child, live: Manifest, desired: Manifest, *, dry_run: bool) -> Manifest:
        operations = build_replacement_patch(live, desired, former_keys=_obsolete_metadata(live, desired))
        return await self._client.json_patch(
            child.resource, *child.namespaced_name, operations, manager=FIELD_MANAGER, dry_run=dry_run
        )

    async def _recreate(self, child: _Child, live: Manifest, error: ApiError) -> ApplyResult:
        """Delete a child whose immutable field must change. It is created again after it and its pods are deleted."""
        if child.state.must_defer_recreation():
            return _result(child, live, refusal=self._record_refusal(child, live, error))
        metadata = live["metadata"]
        await self._client.delete(child.resource, *child.namespaced_name, uid=metadata["uid"], foreground=True)
        child.state.existed = False
        return _result(child, live, events=(_logged(child_events.deleted_to_recreate(child.desired, error.message)),))

    def _record_refusal(self, child: _Child, live: Manifest | None, error: ApiError) -> Refusal:
        refusal = rejected(child.desired, live, error)
        child.state.rejected = RejectedWrite(
            desired_hash=child.desired_hash,
            generation=_generation(live),
            retry_at=self._clock.monotonic() + REFUSAL_SECONDS,
            refusal=refusal,
        )
        logger.warning("%s", refusal.message)
        return refusal


def _ownership_conflict(live: Manifest, desired: Manifest, source: Source) -> Refusal | None:
    """Why `live` must not be written, if it belongs to somebody else."""
    if is_shared(desired):
        return None if is_shared(live) else name_taken(live)
    own = {"kind": type(source).__name__, "name": source.metadata.name, "uid": source.metadata.uid}
    if is_owned_by_former_source(live, **own):
        return terminating(live)
    return None if belongs_to(live, **own) else name_taken(live)


def _is_in_sync(child: _Child, live: Manifest) -> bool:
    """Whether `live` needs no write. Records that the child exists."""
    child.state.existed = True
    # A child that is being deleted is created again afterwards.
    if "deletionTimestamp" in live["metadata"]:
        return True
    if child.state.is_in_sync(live, child.desired_hash):
        return True
    found = find_differences(live, child.desired)
    if not child.state.are_from_admission(not_within(found, child.state.contested.fields_left_alone())):
        return False
    child.state.record_in_sync(live, child.desired_hash, is_identical=not found)
    return True


def _finished(child: _Child, live: Manifest, *events: Event) -> ApplyResult:
    """The result for a child that was written. Fields that still differ were set by admission."""
    state = child.state
    state.record_admission_changes(
        find_differences(live, child.desired), left_alone=state.contested.fields_left_alone()
    )
    for event in events:
        logger.info("%s/%s: %s", child.source.metadata.namespace, child.source.metadata.name, event.message)
    return _result(child, live, events=(*events, *_contest_events(child, live)))


def _result(
    child: _Child, live: Manifest | None, *, events: tuple[Event, ...] = (), refusal: Refusal | None = None
) -> ApplyResult:
    contests = child.state.contests(child.name, live) if live is not None else ()
    return ApplyResult(live=live, events=events, refusal=refusal, contests=contests)


def _contest_events(child: _Child, live: Manifest) -> tuple[Event, ...]:
    """The Event about contested fields. It is recorded once for each set of fields."""
    contests = child.state.contests(child.name, live)
    if not contests or child.state.is_reported(",".join(sorted(contest.field for contest in contests))):
        return ()
    return (_logged(child_events.contested(contests)),)


def _logged(event: Event) -> Event:
    logger.warning("%s", event.message)
    return event


def _obsolete_metadata(live: Manifest, desired: Manifest) -> set[str]:
    """The labels and annotations of `live` that the operator owns and no longer desires."""
    return {
        name
        for part in ("labels", "annotations")
        for name in owned_names(live, ("metadata", part), FIELD_MANAGER)
        if name not in desired["metadata"].get(part, {})
    }


def _was_contested(source: Source) -> bool:
    """Whether the status says that the operator has left a field of a child to somebody else."""
    return any(
        condition.type == ConditionType.CHILDREN_CONTESTED and condition.reason == ConditionReason.CONTESTED
        for condition in source.status.conditions or ()
    )


def _desired_hash(manifest: Mapping[str, Any]) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(DESIRED_HASH_ANNOTATION, ""))


def _generation(live: Manifest | None) -> int:
    return int(live["metadata"].get("generation", 0)) if live else 0
