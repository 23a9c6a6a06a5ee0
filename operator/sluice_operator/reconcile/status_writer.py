"""Writing statuses: conditions at once, numbers at intervals, and nothing when nothing is new."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from sluice_operator.api.stream import SourceStatus
from sluice_operator.kinds.registry import SOURCES
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import Api, Kube, KubeError, Manifest
from sluice_operator.kubernetes.event_recorder import Events
from sluice_operator.status.foreign_fields import strays_patch
from sluice_operator.status.transitions import Tell, same, tell, urgent

logger = logging.getLogger(__name__)

STATUS_MANAGER: Final = "sluice-operator-status"


class Publisher:
    """The one writer of statuses."""

    def __init__(self, *, kube: Kube, store: Store, events: Events, interval_seconds: float) -> None:
        self._kube = kube
        self._store = store
        self._events = events
        self._interval = interval_seconds
        self._written: dict[str, float] = {}
        self._untold: dict[str, SourceStatus] = {}
        """By uid, the status before a write whose answer never came: it may have been done."""

    async def publish(self, source: Manifest, before: SourceStatus, after: SourceStatus) -> None:
        """Write `after` over `before` if it is time, and tell what changed. Raises KubeError."""
        await self._events.catch_up(source)
        # To its end, even if the operator is asked to stop: what was written is to be told.
        await self._kube.bring_to_end(self._publish(source, before, after))

    async def _publish(self, source: Manifest, before: SourceStatus, after: SourceStatus) -> None:
        uid, is_new = source["metadata"]["uid"], not same(before, after)
        if is_new and (urgent(before, after) or self._is_due(source, before)):
            told = self._untold.setdefault(uid, before)
            is_there = await self._write(source, after)
        elif uid in self._untold:
            told, is_there = self._untold[uid], True
        else:
            return
        self._untold.pop(uid, None)
        for news in tell(told, after) if is_there else ():
            await self._events.tell(source, news)

    async def tell(self, source: Manifest, news: Sequence[Tell]) -> None:
        """Tell `news` of what was done for `source`."""
        for one in news:
            await self._events.tell(source, one)

    def forget(self, uid: str) -> None:
        """The source is gone."""
        self._written.pop(uid, None)
        self._untold.pop(uid, None)
        self._events.forget(uid)

    def _is_due(self, source: Manifest, before: SourceStatus) -> bool:
        """Whether numbers may be written again; the time of the last write outlives the process."""
        written = self._written.get(source["metadata"]["uid"])
        if written is not None and time.monotonic() - written < self._interval:
            return False
        updated = [part.updated_at for part in before.parts.values() if part.updated_at is not None]
        # A former operator's clock may have been ahead.
        return not updated or not 0 <= (datetime.now(UTC) - max(updated)).total_seconds() < self._interval

    async def _write(self, source: Manifest, status: SourceStatus) -> bool:
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
        api = SOURCES[source["kind"]]
        try:
            written = await self._kube.apply(api, manifest, manager=STATUS_MANAGER, subresource="status")
        except KubeError as error:
            if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                logger.debug("%s is gone: %s", metadata["name"], error)
                return False
            raise
        self._written[metadata["uid"]] = time.monotonic()
        self._store.put(api, written)
        if strays := strays_patch(written["status"], manifest["status"]):
            await self._clear(api, written, strays)
        return True

    async def _clear(self, api: Api, written: Manifest, strays: Manifest) -> None:
        """Take out of a status what somebody else has put there."""
        namespace, name, version = (written["metadata"][field] for field in ("namespace", "name", "resourceVersion"))
        patch = {"metadata": {"resourceVersion": version}, "status": strays}
        logger.info("%s/%s: somebody else has written to its status: %s", namespace, name, ", ".join(strays))
        try:
            cleared = await self._kube.merge(api, namespace, name, patch, manager=STATUS_MANAGER, subresource="status")
        except KubeError as error:
            if error.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise
            logger.debug("%s is gone, or another by now, which the next look sees: %s", name, error)
        else:
            self._store.put(api, cleared)
