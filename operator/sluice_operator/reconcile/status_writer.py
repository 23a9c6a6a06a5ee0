"""Writing statuses: conditions at once, numbers at intervals, and nothing when nothing is new."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import ApiError, ApiResource, KubernetesClient, Manifest
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.status.foreign_fields import removal_patch
from sluice_operator.status.transitions import Event, is_unchanged, is_urgent, transition_events

logger = logging.getLogger(__name__)

STATUS_MANAGER: Final = "sluice-operator-status"


class StatusWriter:
    """The one writer of statuses."""

    def __init__(
        self, *, client: KubernetesClient, cache: Cache, recorder: EventRecorder, interval_seconds: float
    ) -> None:
        self._client = client
        self._cache = cache
        self._recorder = recorder
        self._interval = interval_seconds
        self._written_at: dict[str, float] = {}
        self._unconfirmed: dict[str, SourceStatus] = {}
        """By uid, the status before a write whose answer never came: it may have been done."""

    async def write(self, source: Manifest, before: SourceStatus, after: SourceStatus) -> None:
        """Write `after` over `before` if it is time, and tell what changed. Raises KubeError."""
        await self._recorder.write_pending(source)
        # To its end, even if the operator is asked to stop: what was written is to be told.
        await self._client.run_to_completion(self._write_and_record(source, before, after))

    async def _write_and_record(self, source: Manifest, before: SourceStatus, after: SourceStatus) -> None:
        uid, is_new = source["metadata"]["uid"], not is_unchanged(before, after)
        if is_new and (is_urgent(before, after) or self._is_due(source, before)):
            told = self._unconfirmed.setdefault(uid, before)
            is_there = await self._apply(source, after)
        elif uid in self._unconfirmed:
            told, is_there = self._unconfirmed[uid], True
        else:
            return
        self._unconfirmed.pop(uid, None)
        for news in transition_events(told, after) if is_there else ():
            await self._recorder.record(source, news)

    async def record_events(self, source: Manifest, events: Sequence[Event]) -> None:
        """Tell `news` of what was done for `source`."""
        for one in events:
            await self._recorder.record(source, one)

    def drop_source(self, uid: str) -> None:
        """The source is gone."""
        self._written_at.pop(uid, None)
        self._unconfirmed.pop(uid, None)
        self._recorder.drop_object(uid)

    def _is_due(self, source: Manifest, before: SourceStatus) -> bool:
        """Whether numbers may be written again; the time of the last write outlives the process."""
        written = self._written_at.get(source["metadata"]["uid"])
        if written is not None and time.monotonic() - written < self._interval:
            return False
        updated = [part.updated_at for part in before.ingesters.values() if part.updated_at is not None]
        # A former operator's clock may have been ahead.
        return not updated or not 0 <= (datetime.now(UTC) - max(updated)).total_seconds() < self._interval

    async def _apply(self, source: Manifest, status: SourceStatus) -> bool:
        """Whether the source was still there to be written to."""
        metadata = source["metadata"]
        # The uid makes the API server refuse a namesake that has come since.
        place = {name: metadata[name] for name in ("name", "namespace", "uid")}
        manifest = {
            "apiVersion": source["apiVersion"],
            "kind": source["kind"],
            "metadata": place,
            "status": status.dump(),
        }
        api = KINDS[source["kind"]].resource
        try:
            written = await self._client.apply(api, manifest, manager=STATUS_MANAGER, subresource="status")
        except ApiError as error:
            if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                logger.debug("%s is gone: %s", metadata["name"], error)
                return False
            raise
        self._written_at[metadata["uid"]] = time.monotonic()
        self._cache.put(api, written)
        if strays := removal_patch(written["status"], manifest["status"]):
            await self._remove_foreign_fields(api, written, strays)
        return True

    async def _remove_foreign_fields(self, api: ApiResource, written: Manifest, foreign_fields: Manifest) -> None:
        """Take out of a status what somebody else has put there."""
        namespace, name, version = (written["metadata"][field] for field in ("namespace", "name", "resourceVersion"))
        patch = {"metadata": {"resourceVersion": version}, "status": foreign_fields}
        logger.info("%s/%s: somebody else has written to its status: %s", namespace, name, ", ".join(foreign_fields))
        try:
            cleared = await self._client.merge_patch(
                api, namespace, name, patch, manager=STATUS_MANAGER, subresource="status"
            )
        except ApiError as error:
            if error.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise
            logger.debug("%s is gone, or another by now, which the next look sees: %s", name, error)
        else:
            self._cache.put(api, cleared)
