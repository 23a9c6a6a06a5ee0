"""Reconciles a source that is being deleted: stops its ingesters, deletes its cursors, removes its finalizer.

This happens only if the source has the operator's finalizer:

1. Its ingesters are stopped, because a running one would write its cursor again.
2. Its cursors and health hashes are deleted in Redis.
3. The finalizer is removed.

Each reconcile starts from the current state, so it can be interrupted anywhere. A Redis that is down, a lost node or an
invalid spec does not block the deletion for ever. After a deadline the finalizer is removed, and an Event names the
keys that remain.
"""

import logging
from collections.abc import Sequence
from typing import Final

from sluice_common.clock import Clock
from sluice_common.times import parse_time
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.source import Source
from sluice_operator.desired.deletion_plan import (
    DeletionDeadline,
    cursor_kept_message,
    deletes_cursor,
    has_finalizer,
    other_finalizers,
    possible_keys,
    with_legacy_keys,
)
from sluice_operator.desired.reconcile_request import acknowledge
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.event import Event
from sluice_operator.kubernetes.source_key import object_key
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.ingester_shutdown import IngesterShutdown, Obstacle
from sluice_operator.reconcile.keys import keys_of
from sluice_operator.reconcile.kinds import Kinds
from sluice_operator.reconcile.source_memory import SourceMemory
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.redis.credentials import RedisCredentials, find_ca_bundle, find_url
from sluice_operator.redis.cursor_writer import CursorError
from sluice_operator.redis.source_redis import SourceRedis
from sluice_operator.redis.tls_files import RedisTlsFiles
from sluice_operator.status.event_reasons import EventReason, EventType
from sluice_operator.status.events import event_of
from sluice_operator.status.source_status import terminating_status
from sluice_redis.contract import StreamKeys

logger = logging.getLogger(__name__)

_MIN_ATTEMPT_SECONDS: Final = 10.0


class DeletionReconciler:
    """Reconciles sources that are being deleted."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        kinds: Kinds,
        redis: SourceRedis,
        ownership: CursorOwnership,
        tls_files: RedisTlsFiles,
        finalizer: Finalizer,
        shutdown: IngesterShutdown,
        status_writer: StatusWriter,
        default_redis_url: str | None,
        deadline_seconds: float,
        clock: Clock,
    ) -> None:
        self._client = client
        self._kinds = kinds
        self._redis = redis
        self._ownership = ownership
        self._tls_files = tls_files
        self._finalizer = finalizer
        self._shutdown = shutdown
        self._status_writer = status_writer
        self._default_redis_url = default_redis_url
        self._deadline = DeletionDeadline(
            seconds=deadline_seconds, min_attempt_seconds=min(_MIN_ATTEMPT_SECONDS, deadline_seconds)
        )
        self._clock = clock

    async def reconcile(self, found: Manifest, memory: SourceMemory) -> None:
        """Take the deletion of the source `found` as far as possible. Raises ApiError if a retry may help."""
        try:
            await self._reconcile(found, memory)
        except ApiError as error:
            if not error.is_refusal:
                message = refusal_of(error, action="do what the deletion of the resource waits for").message
                await self._write_status(found, memory, message)
            raise

    async def _reconcile(self, found: Manifest, memory: SourceMemory) -> None:
        if not has_finalizer(found):
            holders = ", ".join(other_finalizers(found)) or "nothing"
            await self._write_status(found, memory, f"The resource is being deleted; its finalizers are: {holders}")
        elif memory.deletion.released:
            return
        elif not deletes_cursor(found):
            await self._release(found, memory)
        else:
            await self._delete_cursor(found, memory)

    async def _delete_cursor(self, found: Manifest, memory: SourceMemory) -> None:
        obstacle = await self._shutdown.stop(found) or await self._delete_keys(found, memory)
        if obstacle is None:
            await self._release(found, memory)
        elif obstacle.is_permanent or self._deadline_has_passed(found, memory, obstacle):
            await self._give_up(found, memory, obstacle)
        else:
            message = f"The cursor is deleted with the resource, which waits: {obstacle.message}"
            await self._write_status(found, memory, message)

    def _deadline_has_passed(self, found: Manifest, memory: SourceMemory, obstacle: Obstacle) -> bool:
        monotonic = self._clock.monotonic()
        tried_since = memory.deletion.tried_since.setdefault(obstacle.what, monotonic)
        requested_at = (parse_time(found["metadata"]["deletionTimestamp"]), *obstacle.deletion_times)
        return self._deadline.has_passed(
            requested_at=requested_at, now=self._clock.now(), attempted_seconds=monotonic - tried_since
        )

    async def _delete_keys(self, found: Manifest, memory: SourceMemory) -> Obstacle | None:
        """Delete the keys in Redis that belong to this source alone, and report it. Returns the obstacle, if there is
        one.
        """
        try:
            source = self._kinds[found["kind"]].model.parse(found)
        except InvalidResourceError as error:
            return Obstacle(what="spec", message=f"the spec is invalid: {error}", is_permanent=True)
        keys, kept = await self._keys_to_delete(source)
        credentials, problem = await self._find_credentials(source) if keys else (None, "")
        deleted: Sequence[StreamKeys] = keys
        if credentials is not None:
            local = await self._tls_files.localize(source, credentials.url)
            try:
                self._client.check_write(source.metadata.namespace)
                deleted = await self._redis.delete_cursors(
                    local.url, with_legacy_keys(keys), ca_bundle=credentials.ca_bundle
                )
            except CursorError as error:
                problem = str(error)
        if problem:
            return Obstacle(what="Redis", message=problem)
        # After a failed removal of the finalizer this runs again, and reports only what was deleted again.
        if deleted or not memory.deletion.reported:
            await self._record_event(found, memory, _deletion_event(deleted, kept))
        return None

    async def _keys_to_delete(self, source: Source) -> tuple[list[StreamKeys], list[str]]:
        """The keys that are deleted with `source`, and a sentence about each cursor that stays."""
        doomed, kept = [], []
        for stream in self._kinds[type(source).__name__].all_streams(source):
            owner = await self._ownership.find_owner(source, stream, assume_same_redis=True)
            keys = keys_of(source, stream)
            if owner:
                kept.append(f"{keys.cursor} is kept: {owner.name} continues from it")
            else:
                doomed.append(keys)
        return doomed, kept

    async def _find_credentials(self, source: Source) -> tuple[RedisCredentials | None, str]:
        """How the Redis of `source` is reached. Otherwise None, and what is missing."""
        url, problem = await find_url(self._client, source, default_url=self._default_redis_url)
        if url is not None:
            return RedisCredentials(url=url, ca_bundle=await find_ca_bundle(self._client, source)), ""
        last = self._ownership.last_credentials(source)  # a namespace that is deleted loses its Secrets first
        return last, "" if last else problem

    async def _give_up(self, found: Manifest, memory: SourceMemory, obstacle: Obstacle) -> None:
        if not memory.deletion.reported:
            message = cursor_kept_message(obstacle.message, possible_keys(found, self._kinds[found["kind"]].components))
            logger.warning("%s: %s", object_key(found), message)
            event = event_of(EventReason.CURSOR_NOT_DELETED, message)
            await self._record_event(found, memory, event)
        await self._release(found, memory)

    async def _record_event(self, found: Manifest, memory: SourceMemory, event: Event) -> None:
        memory.deletion.reported = True
        await self._status_writer.record_events(found, [event])

    async def _release(self, found: Manifest, memory: SourceMemory) -> None:
        """Remove the finalizer."""
        try:
            await self._finalizer.write(found, present=False)
        except ApiError as error:
            if not error.is_refusal:
                raise
            message = (
                f"The API server refuses to remove the operator's finalizer: {error.message}; change what forbids it"
            )
            await self._write_status(found, memory, message)
        else:
            memory.deletion.released = True

    async def _write_status(self, found: Manifest, memory: SourceMemory, message: str) -> None:
        before = self._kinds[found["kind"]].model.parse_status(found)
        generation = found["metadata"].get("generation", 0)
        after = terminating_status(before, generation=generation, now=self._clock.now(), message=message)
        after = acknowledge(found["metadata"].get("annotations"), after)
        await self._status_writer.write(found, before, after, memory.status)


def _deletion_event(deleted: Sequence[StreamKeys], kept: Sequence[str]) -> Event:
    """The Event when all keys of the source are deleted."""
    if not deleted and kept:
        return event_of(EventReason.CURSOR_NOT_DELETED, "; ".join(kept), type=EventType.NORMAL)
    names = ", ".join(keys.cursor for keys in deleted)
    done = f"Deleted {names} in Redis" if deleted else "There was no cursor in Redis"
    return event_of(EventReason.CURSOR_DELETED, "; ".join([done, *kept]))
