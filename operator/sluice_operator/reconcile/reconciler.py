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
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.children import Children
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from sluice_operator.reconcile.deletion import DeletionReconciler
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.kinds import Kinds, SourceKind
from sluice_operator.reconcile.observer import Observer
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccessReader
from sluice_operator.reconcile.restart_exemption import exempt_restarts
from sluice_operator.reconcile.source_memory import SourceMemories, SourceMemory
from sluice_operator.reconcile.source_reader import SourceDeletedError
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.source_status import invalid_spec_status

logger = logging.getLogger(__name__)

_JITTER: Final = 0.1


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
        memory, retry_in = self._memories.get(key, found["metadata"]["uid"]), None
        if "deletionTimestamp" in found["metadata"]:
            await self._deletion.reconcile(found, memory)
        else:
            retry_in = await self._parse_and_reconcile(self._kinds[key.kind], found, memory)
        interval = self._observe_interval_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        return interval if retry_in is None else min(interval, retry_in)

    async def _parse_and_reconcile(self, kind: SourceKind, found: Manifest, memory: SourceMemory) -> float | None:
        """Reconcile it, and return the seconds until a failed request is due again, or None."""
        try:
            source = kind.model.parse(found)
        except InvalidResourceError as error:
            await self._write_invalid_spec(kind, found, memory, str(error))
            return None
        run = Reconciliation(found=found, source=source, streams=kind.desired_streams(source), memory=memory)
        if run.is_requested:
            self._memories.retry_now(memory)
        try:
            await self._run_steps(kind, run)
        except SourceDeletedError as error:
            logger.debug("%s", error)
        finally:
            await self._status_writer.record_events(found, run.events)
        if run.errors:
            worst = max(run.errors, key=lambda error: error.retry_after)
            raise IncompleteError(worst, retry_within=self._observe_interval_seconds) from worst
        return run.retry_in

    async def _run_steps(self, kind: SourceKind, run: Reconciliation) -> None:
        run.blocked_by = await self._finalizer.ensure(run) or await exempt_restarts(run, self._status_writer)
        access = await self._redis_access.read(run)
        owners = await self._ownership.find_owners(run)
        children = await self._children.ensure(run, access, owners)
        facts = await self._observer.observe(run, access, owners, children)
        status = kind.source_status(facts, run.source.status)
        if not run.errors:  # a reconcile with failed requests does not acknowledge a request to reconcile
            status = acknowledge(run.source.metadata.annotations, status)
        await self._status_writer.write(run.found, run.source.status, status, run.memory.status)

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
