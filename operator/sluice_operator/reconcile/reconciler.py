"""One reconcile of one source, from its cached object to its status: the list of steps.

The reconciler is level-triggered: a reconcile depends on the current state, not on what has changed. It can be
interrupted anywhere and repeated at any time. Everything that must survive a restart is in the status.

The status is written even if the children can't be. It then reports what the API server has refused.
"""

import logging
import random
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.desired.reconcile_request import acknowledge
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.errors import IncompleteError
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.source_key import SourceKey, object_key
from sluice_operator.reconcile.children import Children
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from sluice_operator.reconcile.deletion import DeletionReconciler
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.kinds import Kinds, SourceKind
from sluice_operator.reconcile.next_reconcile import (
    EVENTS_PAUSE_SECONDS,
    MAX_PAUSE_SECONDS,
    Observation,
    are_numbers_urgent,
    must_look_again_soon,
    seconds_until_next,
)
from sluice_operator.reconcile.observer import Observer
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccessReader
from sluice_operator.reconcile.restart_exemption import exempt_restarts
from sluice_operator.reconcile.source_memory import SourceMemories, SourceMemory
from sluice_operator.reconcile.source_reader import SourceDeletedError, SourceOutdatedError
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.source_status import invalid_spec_status

logger = logging.getLogger(__name__)

_JITTER: Final = 0.1


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311


class Reconciler:
    """Reconciles sources."""

    def __init__(
        self,
        *,
        cache: Cache,
        kinds: Kinds,
        memories: SourceMemories,
        finalizer: Finalizer,
        redis_access: RedisAccessReader,
        ownership: CursorOwnership,
        children: Children,
        observer: Observer,
        status_writer: StatusWriter,
        deletion: DeletionReconciler,
        objects: ObjectPoller,
        observe_interval_seconds: float,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._kinds = kinds
        self._memories = memories
        self._finalizer = finalizer
        self._redis_access = redis_access
        self._ownership = ownership
        self._children = children
        self._observer = observer
        self._status_writer = status_writer
        self._deletion = deletion
        self._objects = objects
        self._observe_interval_seconds = observe_interval_seconds
        self._clock = clock

    async def reconcile(self, key: SourceKey) -> float | None:
        """Reconcile the source with that key. Returns the seconds until the next time, or None if the source is gone.

        Raises ApiError if the API server failed. It is an IncompleteError if the status was written.
        """
        found = self._cache.source(key)
        if found is None:
            self._memories.drop(key)
            return None
        memory = self._memories.get(key, found["metadata"]["uid"])
        if "deletionTimestamp" in found["metadata"]:
            await self._deletion.reconcile(found, memory)
            return _jittered(self._observe_interval_seconds)
        return await self._parse_and_reconcile(self._kinds[key.kind], found, memory)

    async def _parse_and_reconcile(self, kind: SourceKind, found: Manifest, memory: SourceMemory) -> float:
        """Reconcile it, and return the seconds until the next time."""
        try:
            source = kind.model.parse(found)
        except InvalidResourceError as error:
            await self._write_invalid_spec(kind, found, memory, str(error))
            self._observer.unwatch(object_key(found))
            return self._with_events(found, _jittered(MAX_PAUSE_SECONDS))
        run = Reconciliation(found=found, source=source, streams=kind.desired_streams(source), memory=memory)
        if run.is_requested:
            self._memories.retry_now(memory)
        next_in = self._observe_interval_seconds
        try:
            next_in = await self._run_steps(kind, run)
        except (SourceDeletedError, SourceOutdatedError) as error:
            logger.debug("%s", error)
        finally:
            await self._status_writer.record_events(found, run.events)
        if not run.errors:
            self._objects.reconciled(source_key(source))
        else:
            worst = max(run.errors, key=lambda error: error.retry_after)
            raise IncompleteError(worst, retry_within=self._observe_interval_seconds) from worst
        return self._with_events(found, next_in)

    async def _run_steps(self, kind: SourceKind, run: Reconciliation) -> float:
        """Run the steps, and return the seconds until the next reconcile."""
        run.blocked_by = await self._finalizer.ensure(run) or await exempt_restarts(run, self._status_writer)
        access = await self._redis_access.read(run)
        owners = await self._ownership.find_owners(run)
        children = await self._children.ensure(run, access, owners)
        facts = await self._observer.observe(run, access, owners, children)
        status = kind.source_status(facts, run.source.status)
        if not run.errors:  # a reconcile with failed requests does not acknowledge a request to reconcile
            status = acknowledge(run.source.metadata.annotations, status)
        await self._status_writer.write(run.found, run.source.status, status, run.memory.status)
        numbers_in = self._status_writer.seconds_until_due(status, run.memory.status)
        self._observer.watch(run, access, facts, numbers_in=0.0 if are_numbers_urgent(status) else numbers_in)
        return self._seconds_until_next(kind, run, Observation(facts=facts, status=status), numbers_in=numbers_in)

    def _seconds_until_next(
        self, kind: SourceKind, run: Reconciliation, found: Observation, *, numbers_in: float
    ) -> float:
        for child in run.memory.retries.children.values():
            run.retry_within(child.recheck_seconds())
        if must_look_again_soon(run, found):
            run.retry_within(_jittered(self._observe_interval_seconds))
        if run.memory.status.is_outdated:
            run.retry_within(numbers_in)
        horizon = _jittered(MAX_PAUSE_SECONDS) if run.retry_in is None else run.retry_in
        numbers_seconds = max(numbers_in, self._observe_interval_seconds)
        return seconds_until_next(found, kind, numbers_seconds=numbers_seconds, horizon=horizon)

    def _with_events(self, found: Manifest, seconds: float) -> float:
        """`seconds`, or less if Events are still to be written."""
        has_events = self._status_writer.has_pending_events(found["metadata"]["uid"])
        return min(seconds, EVENTS_PAUSE_SECONDS) if has_events else seconds

    async def _write_invalid_spec(self, kind: SourceKind, found: Manifest, memory: SourceMemory, message: str) -> None:
        before = kind.model.parse_status(found)
        after = invalid_spec_status(
            before,
            generation=found["metadata"].get("generation", 0),
            now=self._clock.now(),
            reason=ConditionReason.INVALID_SPEC,
            message=message,
        )
        after = acknowledge(found["metadata"].get("annotations"), after)
        await self._status_writer.write(found, before, after, memory.status)
