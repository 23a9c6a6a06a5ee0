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
    Deadline,
    children_of,
    is_held,
    is_made_by_a_replica_set,
    keys_by_hand,
    may_write,
    not_deleted,
    others_that_hold,
    shall_delete_cursor,
    with_former,
)
from sluice_operator.desired.reconcile_request import answered
from sluice_operator.desired.stream import StreamComponent
from sluice_operator.desired.streams import COMPONENTS, streams_of
from sluice_operator.kinds.registry import MODELS, key_of
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import DEPLOYMENTS, PODS, Kube, KubeError, Manifest
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.cursor_ownership import Claims, keys_of
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.status_writer import Publisher
from sluice_operator.redis.credentials import Reach, find_authorities, find_url
from sluice_operator.redis.cursor_writer import CursorError, delete_cursors
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.redis.tls_files import ClientFiles
from sluice_operator.status.reasons import Happening
from sluice_operator.status.source_status import leaving_status
from sluice_operator.status.transitions import Tell
from sluice_redis.contract import StreamKeys

logger = logging.getLogger(__name__)

_LEAST_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Obstacle:
    """What keeps the cursor from being deleted."""

    what: Literal["ingester", "spec", "Redis"]
    message: str
    since: tuple[datetime | None, ...] = ()
    """When what is in the way was itself asked to go."""
    for_good: bool = False
    """Whether waiting is of no use."""


class Deletion:
    """Attends to sources that are being deleted."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        reader: RedisReader,
        claims: Claims,
        files: ClientFiles,
        finalizer: Finalizer,
        publisher: Publisher,
        default_url: str | None,
        deadline_seconds: float,
    ) -> None:
        self._kube = kube
        self._store = store
        self._reader = reader
        self._claims = claims
        self._files = files
        self._finalizer = finalizer
        self._publisher = publisher
        self._default = default_url
        self._deadline = Deadline(seconds=deadline_seconds, least=min(_LEAST_SECONDS, deadline_seconds))
        self._tried: dict[str, dict[str, float]] = {}  # by uid and by what is in the way, since when it is tried
        self._ended: set[str] = set()  # uids: it was told what has become of the cursor
        self._let_go: set[str] = set()  # uids: what the watch has not told of yet must not be done again

    def forget(self, uid: str) -> None:
        """The source is gone."""
        self._tried.pop(uid, None)
        self._ended.discard(uid)
        self._let_go.discard(uid)

    async def attend(self, found: Manifest) -> None:
        """Look at a source that is being deleted. Raises KubeError if the API server did not answer as it should."""
        try:
            await self._attend(found)
        except KubeError as error:
            if not error.is_refusal:
                message = f"{refusal_of(error, doing='do what the end of the resource waits for').message}"
                await self._publish(found, message)
            raise

    async def _attend(self, found: Manifest) -> None:
        if not is_held(found):
            held = ", ".join(others_that_hold(found)) or "nothing"
            await self._publish(found, f"The resource is being deleted; it is held by the finalizers {held}")
        elif found["metadata"]["uid"] in self._let_go:
            return
        elif not shall_delete_cursor(found):
            await self._release(found)
        else:
            await self._delete_cursor(found)

    async def _delete_cursor(self, found: Manifest) -> None:
        obstacle = await self._stop(found)
        if obstacle is None:
            obstacle = await self._clear(found)
        if obstacle is None:
            await self._release(found)
        elif obstacle.for_good or self._is_late(found, obstacle):
            message = not_deleted(obstacle.message, keys_by_hand(found))
            await self._give_up(found, Tell(type="Warning", reason=Happening.CURSOR_NOT_DELETED, message=message))
        else:
            await self._publish(found, f"The cursor is to be deleted with the resource: {obstacle.message}")

    def _is_late(self, found: Manifest, obstacle: _Obstacle) -> bool:
        began = self._tried.setdefault(found["metadata"]["uid"], {}).setdefault(obstacle.what, time.monotonic())
        asked = (parse_time(found["metadata"]["deletionTimestamp"]), *obstacle.since)
        return self._deadline.has_passed(asked=asked, now=datetime.now(UTC), tried=time.monotonic() - began)

    async def _stop(self, found: Manifest) -> _Obstacle | None:
        """Stop the ingesters. What still runs, if anything does."""
        own, left, since = found["metadata"], [], []
        namespace = own["namespace"]
        for name in children_of(found):
            live = await self._kube.get(DEPLOYMENTS, namespace, name)
            if live is None or not belongs_to(live, kind=found["kind"], name=own["name"], uid=own["uid"]):
                continue
            metadata = live["metadata"]
            left.append(f"Deployment {name}")
            since.append(parse_time(metadata.get("deletionTimestamp")))
            if "deletionTimestamp" not in metadata:
                try:
                    await self._kube.delete(DEPLOYMENTS, namespace, name, uid=metadata["uid"], foreground=True)
                except KubeError as error:
                    if not error.is_refusal:
                        raise
                    return _Obstacle(what="ingester", message=f"Deployment {name} can't be deleted: {error.message}")
        pods = [pod for pod in self._store.children(PODS, key_of(found)) if may_write(pod)]
        left += [_pod_left(pod) for pod in pods]
        if left:
            message = f"the ingester is still there ({', '.join(left)})"
            return _Obstacle(what="ingester", message=message, since=tuple(since))
        return None

    async def _clear(self, found: Manifest) -> _Obstacle | None:
        """Delete in Redis what is this source's alone, and tell it. What is in the way, if anything is."""
        try:
            source = MODELS[found["kind"]].parse(found)
        except InvalidResourceError as error:
            return _Obstacle(what="spec", message=f"the spec can't be read: {error}", for_good=True)
        doomed, kept = await self._sorted_out(source)
        reach, problem = await self._reach(source) if doomed else (None, "")
        if reach is not None:
            reach = replace(reach, url=(await self._files.localized(source, reach.url)).url)
            try:
                self._kube.admit(source.metadata.namespace)
                doomed = await self._erase(reach, doomed)
            except CursorError as error:
                problem = str(error)
        if problem:
            return _Obstacle(what="Redis", message=problem)
        # Again, because it could not be let go: then it is told of only if there was something again.
        if doomed or found["metadata"]["uid"] not in self._ended:
            await self._tell(found, _told(doomed, kept))
        return None

    async def _sorted_out(self, source: Source) -> tuple[list[StreamKeys], list[str]]:
        """The keys that go with `source`, and what is to be told of those that stay."""
        doomed, kept = [], []
        for stream in _all_streams(source):
            owner = await self._claims.owner(source, stream, in_doubt=True)
            keys = keys_of(source, stream)
            if owner:
                kept.append(f"{keys.cursor} is kept: {owner.name} goes on from it")
            else:
                doomed.append(keys)
        return doomed, kept

    async def _reach(self, source: Source) -> tuple[Reach | None, str]:
        url, problem = await find_url(self._kube, source, default=self._default)
        if url is not None:
            return Reach(url=url, authorities=await find_authorities(self._kube, source)), ""
        known = self._claims.last_reach(source)  # a namespace that is deleted loses its Secrets first
        return known, "" if known else problem

    async def _erase(self, reach: Reach, doomed: Sequence[StreamKeys]) -> list[StreamKeys]:
        client = self._reader.client(reach.url, authorities=reach.authorities)
        if client is None:
            raise CursorError("what stands in the Secret is not the URL of a Redis")
        return await delete_cursors(client, with_former(doomed))

    async def _give_up(self, found: Manifest, news: Tell) -> None:
        if found["metadata"]["uid"] not in self._ended:
            logger.warning("%s: %s", key_of(found), news.message)
            await self._tell(found, news)
        await self._release(found)

    async def _tell(self, found: Manifest, end: Tell) -> None:
        self._ended.add(found["metadata"]["uid"])
        await self._publisher.tell(found, [end])

    async def _release(self, found: Manifest) -> None:
        try:
            await self._finalizer.write(found, held=False)
        except KubeError as error:
            if not error.is_refusal:
                raise
            message = f"Nothing is waited for, but the API server refuses to take the finalizer away: {error.message}"
            await self._publish(found, message)
        else:
            self._let_go.add(found["metadata"]["uid"])

    async def _publish(self, found: Manifest, message: str) -> None:
        before = MODELS[found["kind"]].status_of(found)
        generation = found["metadata"].get("generation", 0)
        after = leaving_status(before, generation=generation, now=datetime.now(UTC), message=message)
        await self._publisher.publish(found, before, answered(found["metadata"].get("annotations"), after))


def _pod_left(pod: Manifest) -> str:
    metadata = pod["metadata"]
    left = f"pod {metadata['name']}"
    if is_made_by_a_replica_set(pod):
        return left
    command = f"kubectl delete pod {metadata['name']} -n {metadata['namespace']}"
    return f"{left}, which does not go with the Deployment: `{command}` ends it"


def _told(deleted: Sequence[StreamKeys], kept: Sequence[str]) -> Tell:
    """What is told when all has been deleted that goes with the source."""
    if not deleted and kept:
        return Tell(type="Normal", reason=Happening.CURSOR_NOT_DELETED, message="; ".join(kept))
    names = ", ".join(keys.cursor for keys in deleted)
    done = f"Deleted {names} in Redis" if deleted else "There was no cursor in Redis"
    return Tell(type="Normal", reason=Happening.CURSOR_DELETED, message="; ".join([done, *kept]))


def _all_streams(source: Source) -> list[StreamComponent]:
    """The streams of `source`, and those that it had before its spec was changed."""
    asked = {stream.component: stream for stream in streams_of(source)}
    return [
        asked[component]
        if component in asked
        else StreamComponent(component=component, stream=stream, enabled=False, env={})
        for component, stream in COMPONENTS[type(source).__name__].items()
    ]
