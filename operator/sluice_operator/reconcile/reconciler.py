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
from sluice_operator.api.source import Source
from sluice_operator.api.stream import SourceStatus
from sluice_operator.desired.deletion_plan import shall_delete_cursor
from sluice_operator.desired.reconcile_request import answered, is_new
from sluice_operator.kinds.registry import MODELS, SourceKey
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import KubeError, Manifest, UnfinishedError
from sluice_operator.observed.facts import Refusal
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.deletion import Deletion
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.status_writer import Publisher
from sluice_operator.reconcile.workload import Workload
from sluice_operator.status.reasons import Reason
from sluice_operator.status.restarts import spare_all
from sluice_operator.status.source_status import refused_status, source_status
from sluice_operator.status.transitions import Tell

_JITTER: Final = 0.1


class Reconciler:
    """Looks at sources."""

    def __init__(
        self,
        *,
        store: Store,
        workload: Workload,
        publisher: Publisher,
        finalizer: Finalizer,
        deletion: Deletion,
        observe_seconds: float,
    ) -> None:
        self._store = store
        self._workload = workload
        self._publisher = publisher
        self._finalizer = finalizer
        self._deletion = deletion
        self._observe_seconds = observe_seconds
        self._known: dict[SourceKey, str] = {}  # its uid

    async def look(self, key: SourceKey) -> float | None:
        """Look at the source of that key. In how many seconds to look again; None if it is gone.

        Raises KubeError if the API server did not answer as it should: UnfinishedError if the status was written all
        the same.
        """
        found = self._store.source(key)
        self._notice(key, found)
        if found is None:
            return None
        if "deletionTimestamp" in found["metadata"]:
            await self._deletion.attend(found)
            due = None
        else:
            due = await self._look(key, found)
        again = self._observe_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        return again if due is None else min(again, due)

    async def _look(self, key: SourceKey, found: Manifest) -> float | None:
        """In how many seconds something is to be tried again, if anything is."""
        try:
            source = MODELS[key.kind].parse(found)
        except InvalidResourceError as error:
            await self._refuse(found, MODELS[key.kind].status_of(found), str(error))
            return None
        return await self._serve(key, found, source)

    def _notice(self, key: SourceKey, found: Manifest | None) -> None:
        """Forget what is remembered of a source that is gone, or in whose place there is another."""
        uid = found["metadata"]["uid"] if found else None
        known = self._known.get(key)
        if known is not None and known != uid:
            self._workload.forget(key, known)
            self._publisher.forget(known)
            self._finalizer.forget(known)
            self._deletion.forget(known)
            del self._known[key]
        if uid is not None:
            self._known[key] = uid

    async def _serve(self, key: SourceKey, found: Manifest, source: Source) -> float | None:
        news: list[Tell] = []
        annotations = source.metadata.annotations
        if is_new(annotations, source.status):
            self._workload.try_again(key, source.metadata.uid)
            self._finalizer.forget(source.metadata.uid)
        errors: list[KubeError] = []
        try:
            source, hold = await self._prepare(found, source, news, errors)
            brought = await self._workload.bring_about(source, news, hold=hold)
            after = source_status(brought.streams, source.status)
            if not errors and not brought.errors:  # a look that could not do its work is no answer
                after = answered(annotations, after)
            await self._publisher.publish(found, source.status, after)
        finally:
            await self._publisher.tell(found, news)
        if errors := [*errors, *brought.errors]:
            # What was seen is written down: only what has failed is left to be done.
            worst = max(errors, key=lambda error: error.retry_after)
            raise UnfinishedError(worst, within=self._observe_seconds) from worst
        return brought.due

    async def _prepare(
        self, found: Manifest, source: Source, news: list[Tell], errors: list[KubeError]
    ) -> tuple[Source, Refusal | None]:
        """What comes before the first child. Why no child may be written, if it could not be done."""
        held = shall_delete_cursor(found)
        try:
            # Else a cursor would be written that nobody deletes.
            if told := await self._finalizer.keep(found, held=held):
                news.append(told)
        except KubeError as error:
            errors.append(error)
        if held and (waits := self._finalizer.waits(found, held=held)):
            return source, waits
        try:
            return await self._spare(found, source), None
        except KubeError as error:
            errors.append(error)
            return source, refusal_of(error, doing="write the status")

    async def _spare(self, found: Manifest, source: Source) -> Source:
        """`source`, with it written down that its pods may go, if they are about to be stopped."""
        before = source.status
        spared = spare_all(before.restarts) if source.spec.suspend else before.restarts
        if spared is before.restarts:
            return source
        after = before.model_copy(update={"restarts": spared})
        await self._publisher.publish(found, before, after)
        return source.model_copy(update={"status": after})

    async def _refuse(self, found: Manifest, before: SourceStatus, message: str) -> None:
        generation = found["metadata"].get("generation", 0)
        reason, now = Reason.INVALID_SPEC, datetime.now(UTC)
        after = refused_status(before, generation=generation, now=now, reason=reason, message=message)
        await self._publisher.publish(found, before, answered(found["metadata"].get("annotations"), after))
