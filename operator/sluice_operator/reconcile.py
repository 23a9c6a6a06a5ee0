"""One look at one source: what should be is made so, what is there becomes the status.

Level-triggered: a look asks nothing about what has happened since the last one. It may be cut off anywhere
and repeated at any time; all that must outlive the process stands in the status.
"""

import random
from datetime import UTC, datetime
from typing import Final

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.source import Source
from sluice_operator.api.stream import SourceStatus
from sluice_operator.deletion import Deletion
from sluice_operator.desired.departure import shall_delete_cursor
from sluice_operator.desired.request import answered, is_new
from sluice_operator.finalizer import Finalizer
from sluice_operator.kube import Manifest
from sluice_operator.publish import Publisher
from sluice_operator.sources import MODELS, SourceKey
from sluice_operator.status.changes import Tell
from sluice_operator.status.compute import refused_status, source_status
from sluice_operator.status.reasons import Reason
from sluice_operator.status.restarts import spare_all
from sluice_operator.store import Store
from sluice_operator.workload import Workload

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

        Raises KubeError if the API server did not answer as it should.
        """
        found = self._store.source(key)
        self._notice(key, found)
        if found is None:
            return None
        if "deletionTimestamp" in found["metadata"]:
            await self._deletion.attend(found)
        else:
            await self._look(key, found)
        return self._observe_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311

    async def _look(self, key: SourceKey, found: Manifest) -> None:
        try:
            source = MODELS[key.kind].parse(found)
        except InvalidResourceError as error:
            await self._refuse(found, MODELS[key.kind].status_of(found), str(error))
        else:
            await self._serve(key, found, source)

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

    async def _serve(self, key: SourceKey, found: Manifest, source: Source) -> None:
        news: list[Tell] = []
        annotations = source.metadata.annotations
        if is_new(annotations, source.status):
            self._workload.try_again(key, source.metadata.uid)
            self._finalizer.forget(source.metadata.uid)
        try:
            # Before the first child, so that no cursor is written without it.
            if told := await self._finalizer.keep(found, held=shall_delete_cursor(found)):
                news.append(told)
            source = await self._spare(found, source)
            streams = await self._workload.bring_about(source, news)
        finally:
            await self._publisher.tell(found, news)
        after = answered(annotations, source_status(streams, source.status))
        await self._publisher.publish(found, source.status, after)

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
