"""One look at one source: what should be is made so, what is there becomes the status.

Level-triggered: a look asks nothing about what has happened since the last one. It may be cut off anywhere
and repeated at any time; all that must outlive the process stands in the status.

The status is written whatever becomes of the children: what can be seen is seen, and what the API server has against
the rest is told. Only a status that can't be written itself leaves an old one standing.
"""

import random
from datetime import UTC, datetime
from typing import Final

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.api.source import Source
from sluice_operator.desired.deletion_plan import deletes_cursor
from sluice_operator.desired.reconcile_request import acknowledge, is_pending
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.source_key import SourceKey
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import ApiError, IncompleteError, Manifest
from sluice_operator.observed.facts import Refusal
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.deletion import DeletionReconciler
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.reconcile.workload import Workload
from sluice_operator.status.reasons import ConditionReason
from sluice_operator.status.restarts import exempt_all
from sluice_operator.status.source_status import invalid_spec_status
from sluice_operator.status.transitions import Event

_JITTER: Final = 0.1


class Reconciler:
    """Looks at sources."""

    def __init__(
        self,
        *,
        cache: Cache,
        workload: Workload,
        status_writer: StatusWriter,
        finalizer: Finalizer,
        deletion: DeletionReconciler,
        observe_seconds: float,
    ) -> None:
        self._cache = cache
        self._workload = workload
        self._status_writer = status_writer
        self._finalizer = finalizer
        self._deletion = deletion
        self._observe_seconds = observe_seconds
        self._uids: dict[SourceKey, str] = {}  # its uid

    async def reconcile(self, key: SourceKey) -> float | None:
        """Look at the source of that key. In how many seconds to look again; None if it is gone.

        Raises KubeError if the API server did not answer as it should: UnfinishedError if the status was written all
        the same.
        """
        found = self._cache.source(key)
        self._drop_replaced(key, found)
        if found is None:
            return None
        if "deletionTimestamp" in found["metadata"]:
            await self._deletion.reconcile(found)
            due = None
        else:
            due = await self._parse_and_reconcile(key, found)
        again = self._observe_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        return again if due is None else min(again, due)

    async def _parse_and_reconcile(self, key: SourceKey, found: Manifest) -> float | None:
        """In how many seconds something is to be tried again, if anything is."""
        try:
            source = KINDS[key.kind].parse(found)
        except InvalidResourceError as error:
            await self._write_invalid_spec(found, KINDS[key.kind].parse_status(found), str(error))
            return None
        return await self._reconcile_source(key, found, source)

    def _drop_replaced(self, key: SourceKey, found: Manifest | None) -> None:
        """Forget what is remembered of a source that is gone, or in whose place there is another."""
        uid = found["metadata"]["uid"] if found else None
        known = self._uids.get(key)
        if known is not None and known != uid:
            self._workload.drop_source(key, known)
            self._status_writer.drop_source(known)
            self._finalizer.drop_source(known)
            self._deletion.drop_source(known)
            del self._uids[key]
        if uid is not None:
            self._uids[key] = uid

    async def _reconcile_source(self, key: SourceKey, found: Manifest, source: Source) -> float | None:
        news: list[Event] = []
        annotations = source.metadata.annotations
        if is_pending(annotations, source.status):
            self._workload.retry_now(key, source.metadata.uid)
            self._finalizer.drop_source(source.metadata.uid)
        errors: list[ApiError] = []
        try:
            source, hold = await self._prepare(found, source, news, errors)
            brought = await self._workload.ensure(source, news, blocked_by=hold)
            after = KINDS.of(source).source_status(brought.streams, source.status)
            if not errors and not brought.errors:  # a look that could not do its work is no answer
                after = acknowledge(annotations, after)
            await self._status_writer.write(found, source.status, after)
        finally:
            await self._status_writer.record_events(found, news)
        if errors := [*errors, *brought.errors]:
            # What was seen is written down: only what has failed is left to be done.
            worst = max(errors, key=lambda error: error.retry_after)
            raise IncompleteError(worst, retry_within=self._observe_seconds) from worst
        return brought.retry_in

    async def _prepare(
        self, found: Manifest, source: Source, events: list[Event], errors: list[ApiError]
    ) -> tuple[Source, Refusal | None]:
        """What comes before the first child. Why no child may be written, if it could not be done."""
        held = deletes_cursor(found)
        try:
            # Else a cursor would be written that nobody deletes.
            if told := await self._finalizer.ensure(found, held=held):
                events.append(told)
        except ApiError as error:
            errors.append(error)
        if held and (waits := self._finalizer.in_backoff(found, held=held)):
            return source, waits
        try:
            return await self._exempt_restarts(found, source), None
        except ApiError as error:
            errors.append(error)
            return source, refusal_of(error, action="write the status")

    async def _exempt_restarts(self, found: Manifest, source: Source) -> Source:
        """`source`, with it written down that its pods may go, if they are about to be stopped."""
        before = source.status
        spared = exempt_all(before.restarts) if source.spec.suspend else before.restarts
        if spared is before.restarts:
            return source
        after = before.model_copy(update={"restarts": spared})
        await self._status_writer.write(found, before, after)
        return source.model_copy(update={"status": after})

    async def _write_invalid_spec(self, found: Manifest, before: SourceStatus, message: str) -> None:
        generation = found["metadata"].get("generation", 0)
        reason, now = ConditionReason.INVALID_SPEC, datetime.now(UTC)
        after = invalid_spec_status(before, generation=generation, now=now, reason=reason, message=message)
        await self._status_writer.write(found, before, acknowledge(found["metadata"].get("annotations"), after))
