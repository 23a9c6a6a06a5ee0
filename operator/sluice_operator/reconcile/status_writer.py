"""Writes statuses: a change of conditions at once, a change of numbers at intervals, and nothing without a change."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.kubernetes.api_resource import ApiResource, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.event import Event
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.kubernetes.source_key import object_key
from sluice_operator.reconcile.kinds import Kinds
from sluice_operator.reconcile.source_memory import StatusWrites
from sluice_operator.reconcile.source_reader import SourceReader
from sluice_operator.status.foreign_fields import removal_patch
from sluice_operator.status.transitions import is_unchanged, is_urgent, transition_events

logger = logging.getLogger(__name__)

STATUS_MANAGER: Final = "sluice-operator-status"
_MAX_ATTEMPTS: Final = 3
"""How often a status is applied if others change the source in between."""


class StatusWriter:
    """The only writer of statuses. It records the Events about what has changed."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        kinds: Kinds,
        sources: SourceReader,
        recorder: EventRecorder,
        interval_seconds: float,
        clock: Clock,
    ) -> None:
        """`interval_seconds` is the shortest time between two writes that change only numbers."""
        self._client = client
        self._cache = cache
        self._kinds = kinds
        self._sources = sources
        self._recorder = recorder
        self._interval_seconds = interval_seconds
        self._clock = clock

    async def write(self, found: Manifest, before: SourceStatus, after: SourceStatus, writes: StatusWrites) -> None:
        """Replace the status `before` by `after` if that is due, and record Events about the changes. Raises ApiError.

        `writes` holds the last writes of this source.
        """
        await self._recorder.write_pending(found)
        writes.is_outdated = False
        if is_unchanged(before, after) and writes.unconfirmed is None:
            return
        # It runs to completion even if the operator must stop, so that each written change has its Events.
        await self._client.run_to_completion(self._write_and_record(found, before, after, writes))

    def has_pending_events(self, uid: str) -> bool:
        """Whether Events about the source of that uid are still to be written."""
        return self._recorder.has_pending(uid)

    async def record_events(self, found: Manifest, events: Sequence[Event]) -> None:
        """Record `events` about a source."""
        for event in events:
            await self._recorder.record(found, event)

    async def _write_and_record(
        self, found: Manifest, before: SourceStatus, after: SourceStatus, writes: StatusWrites
    ) -> None:
        if not is_unchanged(before, after) and (
            is_urgent(before, after) or self.seconds_until_due(before, writes) == 0.0
        ):
            reported = writes.unconfirmed = writes.unconfirmed or before
            still_exists = await self._apply(found, after, writes)
        elif writes.unconfirmed is not None:
            reported, still_exists = writes.unconfirmed, True
        else:
            writes.is_outdated = True
            return
        writes.unconfirmed = None
        if still_exists:
            await self.record_events(found, transition_events(reported, after))

    def seconds_until_due(self, before: SourceStatus, writes: StatusWrites) -> float:
        """The seconds until numbers may be written again. The times in the status count after a restart of the
        operator.
        """
        if writes.written_at is not None:
            passed = self._clock.monotonic() - writes.written_at
            if passed < self._interval_seconds:
                return self._interval_seconds - passed
        updated = [part.updated_at for part in before.ingesters.values() if part.updated_at is not None]
        passed = (self._clock.now() - max(updated)).total_seconds() if updated else -1.0
        # The clock of the previous operator may have been ahead.
        return self._interval_seconds - passed if 0 <= passed < self._interval_seconds else 0.0

    async def _apply(self, found: Manifest, status: SourceStatus, writes: StatusWrites) -> bool:
        """Apply the status. Returns whether the source still exists."""
        resource, applied = self._kinds[found["kind"]].resource, status.dump()
        written = await self._apply_to_uid(resource, found, applied)
        if written is None:
            logger.debug("%s is gone", found["metadata"]["name"])
            return False
        writes.written_at = self._clock.monotonic()
        self._cache.put(resource, written)
        if foreign_fields := removal_patch(written["status"], applied):
            await self._remove_foreign_fields(resource, written, foreign_fields)
        return True

    async def _apply_to_uid(self, resource: ApiResource, found: Manifest, status: Manifest) -> Manifest | None:
        """Apply `status` to the source with the uid of `found`. Returns None if it is gone.

        The API server does not check the uid of a status that is applied, but it checks the resource version. Without
        it, a source that was deleted and created again would receive the last status of the former one.
        """
        key, uid = object_key(found), found["metadata"]["uid"]
        newest, attempts = self._cache.source(key), 0
        while newest is not None and newest["metadata"]["uid"] == uid:
            attempts += 1
            identity = {name: newest["metadata"][name] for name in ("name", "namespace", "uid", "resourceVersion")}
            manifest = {
                "apiVersion": found["apiVersion"],
                "kind": found["kind"],
                "metadata": identity,
                "status": status,
            }
            try:
                return await self._client.apply(resource, manifest, manager=STATUS_MANAGER, subresource="status")
            except ApiError as error:
                if error.code == HTTPStatus.NOT_FOUND:
                    break
                if not error.is_conflict or attempts == _MAX_ATTEMPTS:
                    raise
            newest = await self._sources.read(key, uid)
        return None

    async def _remove_foreign_fields(self, resource: ApiResource, written: Manifest, foreign_fields: Manifest) -> None:
        """Remove what others have written to the status."""
        namespace, name, version = (written["metadata"][field] for field in ("namespace", "name", "resourceVersion"))
        patch = {"metadata": {"resourceVersion": version}, "status": foreign_fields}
        logger.info("%s/%s: removing what others wrote to its status: %s", namespace, name, ", ".join(foreign_fields))
        try:
            cleared = await self._client.merge_patch(
                resource, namespace, name, patch, manager=STATUS_MANAGER, subresource="status"
            )
        except ApiError as error:
            if error.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise
            logger.debug("%s is gone or has changed, which the next reconcile sees: %s", name, error)
        else:
            self._cache.put(resource, cleared)
