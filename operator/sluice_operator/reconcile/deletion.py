"""The end of a source: what its deletion waits for, and what goes with it.

Only a resource that bears the operator's finalizer is waited for. Its ingesters are stopped first, since one
that still runs would write its cursor anew; then its cursors and health hashes are deleted, and the resource is
let go. Each look begins from what is there, so it may be cut off anywhere. A Redis that is gone, a node that is
lost or a spec that can't be read ends in a Warning that says what remains, never in a resource that can't go.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from sluice_common.times import parse_time
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import belongs_to
from sluice_operator.desired.deletion_plan import (
    DeletionDeadline,
    cursor_kept_message,
    deletes_cursor,
    deployment_names,
    has_finalizer,
    is_owned_by_replica_set,
    may_run_ingester,
    other_finalizers,
    possible_keys,
    with_legacy_keys,
)
from sluice_operator.desired.reconcile_request import acknowledge
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.source_key import object_key
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import DEPLOYMENTS, PODS, ApiError, KubernetesClient, Manifest
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.cursor_ownership import CursorOwnership, keys_of
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.redis.credentials import RedisCredentials, find_ca_bundle, find_url
from sluice_operator.redis.cursor_writer import CursorError, delete_cursors
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.redis.tls_files import RedisTlsFiles
from sluice_operator.status.reasons import EventReason
from sluice_operator.status.source_status import terminating_status
from sluice_operator.status.transitions import Event
from sluice_redis.contract import StreamKeys

logger = logging.getLogger(__name__)

_MIN_TRYING_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Obstacle:
    """What keeps the cursor from being deleted."""

    what: Literal["ingester", "spec", "Redis"]
    message: str
    deletion_times: tuple[datetime | None, ...] = ()
    """When what is in the way was itself asked to go."""
    is_permanent: bool = False
    """Whether waiting is of no use."""


class DeletionReconciler:
    """Attends to sources that are being deleted."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        reader: RedisReader,
        ownership: CursorOwnership,
        tls_files: RedisTlsFiles,
        finalizer: Finalizer,
        status_writer: StatusWriter,
        default_redis_url: str | None,
        deadline_seconds: float,
    ) -> None:
        self._client = client
        self._cache = cache
        self._reader = reader
        self._ownership = ownership
        self._tls_files = tls_files
        self._finalizer = finalizer
        self._status_writer = status_writer
        self._default_redis_url = default_redis_url
        self._deadline = DeletionDeadline(
            seconds=deadline_seconds, min_attempt_seconds=min(_MIN_TRYING_SECONDS, deadline_seconds)
        )
        self._tried_since: dict[str, dict[str, float]] = {}  # by uid and by what is in the way, since when it is tried
        self._reported: set[str] = set()  # uids: it was told what has become of the cursor
        self._released: set[str] = set()  # uids: what the watch has not told of yet must not be done again

    def drop_source(self, uid: str) -> None:
        """The source is gone."""
        self._tried_since.pop(uid, None)
        self._reported.discard(uid)
        self._released.discard(uid)

    async def reconcile(self, found: Manifest) -> None:
        """Look at a source that is being deleted. Raises KubeError if the API server did not answer as it should."""
        try:
            await self._reconcile(found)
        except ApiError as error:
            if not error.is_refusal:
                message = f"{refusal_of(error, action='do what the end of the resource waits for').message}"
                await self._write_status(found, message)
            raise

    async def _reconcile(self, found: Manifest) -> None:
        if not has_finalizer(found):
            held = ", ".join(other_finalizers(found)) or "nothing"
            await self._write_status(found, f"The resource is being deleted; it is held by the finalizers {held}")
        elif found["metadata"]["uid"] in self._released:
            return
        elif not deletes_cursor(found):
            await self._release(found)
        else:
            await self._delete_cursor(found)

    async def _delete_cursor(self, found: Manifest) -> None:
        obstacle = await self._stop_ingesters(found)
        if obstacle is None:
            obstacle = await self._delete_keys(found)
        if obstacle is None:
            await self._release(found)
        elif obstacle.is_permanent or self._deadline_has_passed(found, obstacle):
            message = cursor_kept_message(obstacle.message, possible_keys(found, KINDS[found["kind"]].components))
            await self._give_up(found, Event(type="Warning", reason=EventReason.CURSOR_NOT_DELETED, message=message))
        else:
            await self._write_status(found, f"The cursor is to be deleted with the resource: {obstacle.message}")

    def _deadline_has_passed(self, found: Manifest, obstacle: _Obstacle) -> bool:
        began = self._tried_since.setdefault(found["metadata"]["uid"], {}).setdefault(obstacle.what, time.monotonic())
        asked = (parse_time(found["metadata"]["deletionTimestamp"]), *obstacle.deletion_times)
        return self._deadline.has_passed(
            requested_at=asked, now=datetime.now(UTC), attempted_seconds=time.monotonic() - began
        )

    async def _stop_ingesters(self, found: Manifest) -> _Obstacle | None:
        """Stop the ingesters. What still runs, if anything does."""
        own, left, since = found["metadata"], [], []
        namespace = own["namespace"]
        for name in deployment_names(found, KINDS[found["kind"]].components):
            live = await self._client.get(DEPLOYMENTS, namespace, name)
            if live is None or not belongs_to(live, kind=found["kind"], name=own["name"], uid=own["uid"]):
                continue
            metadata = live["metadata"]
            left.append(f"Deployment {name}")
            since.append(parse_time(metadata.get("deletionTimestamp")))
            if "deletionTimestamp" not in metadata:
                try:
                    await self._client.delete(DEPLOYMENTS, namespace, name, uid=metadata["uid"], foreground=True)
                except ApiError as error:
                    if not error.is_refusal:
                        raise
                    return _Obstacle(what="ingester", message=f"Deployment {name} can't be deleted: {error.message}")
        pods = [pod for pod in self._cache.children(PODS, object_key(found)) if may_run_ingester(pod)]
        left += [_describe_pod(pod) for pod in pods]
        if left:
            message = f"the ingester is still there ({', '.join(left)})"
            return _Obstacle(what="ingester", message=message, deletion_times=tuple(since))
        return None

    async def _delete_keys(self, found: Manifest) -> _Obstacle | None:
        """Delete in Redis what is this source's alone, and tell it. What is in the way, if anything is."""
        try:
            source = KINDS[found["kind"]].parse(found)
        except InvalidResourceError as error:
            return _Obstacle(what="spec", message=f"the spec can't be read: {error}", is_permanent=True)
        doomed, kept = await self._keys_to_delete(source)
        reach, problem = await self._redis_credentials(source) if doomed else (None, "")
        if reach is not None:
            reach = replace(reach, url=(await self._tls_files.localize(source, reach.url)).url)
            try:
                self._client.check_write(source.metadata.namespace)
                doomed = await self._delete_from_redis(reach, doomed)
            except CursorError as error:
                problem = str(error)
        if problem:
            return _Obstacle(what="Redis", message=problem)
        # Again, because it could not be let go: then it is told of only if there was something again.
        if doomed or found["metadata"]["uid"] not in self._reported:
            await self._record_event(found, _deletion_event(doomed, kept))
        return None

    async def _keys_to_delete(self, source: Source) -> tuple[list[StreamKeys], list[str]]:
        """The keys that go with `source`, and what is to be told of those that stay."""
        doomed, kept = [], []
        for stream in KINDS.of(source).all_streams(source):
            owner = await self._ownership.owner(source, stream, assume_same_redis=True)
            keys = keys_of(source, stream)
            if owner:
                kept.append(f"{keys.cursor} is kept: {owner.name} goes on from it")
            else:
                doomed.append(keys)
        return doomed, kept

    async def _redis_credentials(self, source: Source) -> tuple[RedisCredentials | None, str]:
        url, problem = await find_url(self._client, source, default_url=self._default_redis_url)
        if url is not None:
            return RedisCredentials(url=url, ca_bundle=await find_ca_bundle(self._client, source)), ""
        known = self._ownership.last_credentials(source)  # a namespace that is deleted loses its Secrets first
        return known, "" if known else problem

    async def _delete_from_redis(self, credentials: RedisCredentials, keys: Sequence[StreamKeys]) -> list[StreamKeys]:
        client = self._reader.client(credentials.url, ca_bundle=credentials.ca_bundle)
        if client is None:
            raise CursorError("what stands in the Secret is not the URL of a Redis")
        return await delete_cursors(client, with_legacy_keys(keys))

    async def _give_up(self, found: Manifest, event: Event) -> None:
        if found["metadata"]["uid"] not in self._reported:
            logger.warning("%s: %s", object_key(found), event.message)
            await self._record_event(found, event)
        await self._release(found)

    async def _record_event(self, found: Manifest, event: Event) -> None:
        self._reported.add(found["metadata"]["uid"])
        await self._status_writer.record_events(found, [event])

    async def _release(self, found: Manifest) -> None:
        try:
            await self._finalizer.write(found, held=False)
        except ApiError as error:
            if not error.is_refusal:
                raise
            message = f"Nothing is waited for, but the API server refuses to take the finalizer away: {error.message}"
            await self._write_status(found, message)
        else:
            self._released.add(found["metadata"]["uid"])

    async def _write_status(self, found: Manifest, message: str) -> None:
        before = KINDS[found["kind"]].parse_status(found)
        generation = found["metadata"].get("generation", 0)
        after = terminating_status(before, generation=generation, now=datetime.now(UTC), message=message)
        await self._status_writer.write(found, before, acknowledge(found["metadata"].get("annotations"), after))


def _describe_pod(pod: Manifest) -> str:
    metadata = pod["metadata"]
    left = f"pod {metadata['name']}"
    if is_owned_by_replica_set(pod):
        return left
    command = f"kubectl delete pod {metadata['name']} -n {metadata['namespace']}"
    return f"{left}, which does not go with the Deployment: `{command}` ends it"


def _deletion_event(deleted: Sequence[StreamKeys], kept: Sequence[str]) -> Event:
    """What is told when all has been deleted that goes with the source."""
    if not deleted and kept:
        return Event(type="Normal", reason=EventReason.CURSOR_NOT_DELETED, message="; ".join(kept))
    names = ", ".join(keys.cursor for keys in deleted)
    done = f"Deleted {names} in Redis" if deleted else "There was no cursor in Redis"
    return Event(type="Normal", reason=EventReason.CURSOR_DELETED, message="; ".join([done, *kept]))
