"""The step for a source that shares its pods: it ensures the shared Deployment and the source's entries in its list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sluice_common.clock import Clock
from sluice_operator.api.pooling import PoolStatus
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import is_shared
from sluice_operator.desired.component import Component
from sluice_operator.desired.cursor_claim import CursorClaim
from sluice_operator.desired.deletion_plan import may_run_ingester
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import COMPONENT_LABEL, REDIS_HASH_ANNOTATION
from sluice_operator.desired.pools import (
    PoolKey,
    build_entry,
    build_pool_deployment,
    differing_field,
    entry_id,
    is_source_list_key,
    pool_of_source,
    pool_sharers,
    source_id,
    source_list_key,
)
from sluice_operator.desired.redis_secret import key_prefix
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.deployments import source_list_of
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_writer import ChildWriter, WrittenChild
from sluice_operator.reconcile.config_hashes import change_events, desired_hashes
from sluice_operator.reconcile.default_redis_secret import DefaultRedisSecrets
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.pool_members import PoolMembers
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccess
from sluice_operator.reconcile.shared_children import SharedChild, SharedChildren
from sluice_operator.reconcile.source_lists import PooledStream, SourceLists
from sluice_operator.reconcile.source_reader import SourceOutdatedError
from sluice_operator.status.condition_reasons import ConditionReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The shared Deployment of a source."""

    pool: PoolKey
    index: int
    oldest: Source
    """The source of the pool that decides what all have in common."""
    assigned: Sequence[Source]
    """The sources that are assigned to this Deployment, the oldest first."""

    @property
    def name(self) -> str:
        """The name of the Deployment."""
        return self.pool.deployment(self.index)


class Pools:
    """Runs sources in shared Deployments."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        writer: ChildWriter,
        default_secrets: DefaultRedisSecrets,
        members: PoolMembers,
        lists: SourceLists,
        ingester_defaults: IngesterDefaults,
        clock: Clock,
    ) -> None:
        self._client = client
        self._cache = cache
        self._writer = writer
        self._default_secrets = default_secrets
        self._members = members
        self._lists = lists
        self._ingester_defaults = ingester_defaults
        self._shared = SharedChildren(clock)

    def place_of(self, source: Source) -> Place | None:
        """The shared Deployment of `source`. None if its pods are its own. Raises SourceOutdatedError."""
        pool = pool_of_source(source)
        if pool is None:
            return None
        members = self._members.of(pool)
        index = members.indices.get(source.metadata.uid)
        if index is None or members.oldest is None:
            raise SourceOutdatedError(f"{source_key(source)} is no longer in the pool {pool.name}")
        return Place(pool=pool, index=index, oldest=members.oldest, assigned=members.assigned[index])

    async def ensure(
        self,
        run: Reconciliation,
        place: Place,
        access: RedisAccess,
        owners: Mapping[Component, CursorClaim | None],
        *,
        has_left: bool,
    ) -> WrittenChild:
        """Ensure the Deployment, and the entries of the source in its list. Returns the Deployment.

        `has_left` says whether the source runs nowhere else any more, as far as other pools are concerned.
        """
        refusal = self._mismatch(run.source, place)
        if refusal is not None:
            run.add_refusal(refusal)
        shared = self._shared.get((place.pool, place.index))
        if run.is_requested:
            shared.retry_now()
        async with shared.lock:
            try:
                async with run.api_timeout():
                    live = await self._live(place)
            except ApiError as error:
                run.errors.append(error)
                run.add_refusal(refusal_of(error, action=f"show the Deployment {place.name}"))
                return WrittenChild(live=None, is_compared=False)
            written = WrittenChild(live=live, is_compared=False)
            if refusal is None:
                written = await self._ensure_deployment(run, place, access, live, shared=shared)
            run.events += shared.events.pop(run.source.metadata.uid, ())
            if written.live is not None and access.operator_url is not None:
                # The status names the Deployment first. So a restarted operator knows where the source may run.
                is_recorded = run.source.status.pool == PoolStatus(name=place.pool.name, deployment=place.name)
                may_run = refusal is None and has_left and is_recorded
                if not is_recorded:
                    run.retry_within(0.0)
                if refusal is None:
                    self._connect_lists(place.pool, access)
                await self._write_list(run, place, self._entries(run, owners) if may_run else {})
            return written

    def stream_of(self, source: Source, stream: DesiredStream, place: Place) -> PooledStream:
        """What is known about a stream of `source` in its shared Deployment."""
        return self._lists.stream(place.pool, place.index, entry_id(source, stream))

    def pods_of(self, place: Place) -> list[Manifest]:
        """The pods of the shared Deployment."""
        return self._lists.pods(place.pool, place.index)

    def _mismatch(self, source: Source, place: Place) -> Refusal | None:
        """Why the source can't run with the others of its pool."""
        field = differing_field(source, place.oldest)
        if not field:
            return None
        message = (
            f"{field} differs from that of {source_key(place.oldest)}, the oldest resource of the pool "
            f"{place.pool.name}: set the same there and here, or choose another pool in spec.pooling.pool"
        )
        return Refusal(reason=ConditionReason.POOL_MISMATCH, message=message)

    async def _live(self, place: Place) -> Manifest | None:
        for child in self._cache.shared_children(DEPLOYMENTS, pool_sharers(place.pool)):
            if child["metadata"]["name"] == place.name:
                return child
        return await self._client.get(DEPLOYMENTS, place.pool.namespace, place.name)

    async def _ensure_deployment(
        self, run: Reconciliation, place: Place, access: RedisAccess, live: Manifest | None, *, shared: SharedChild
    ) -> WrittenChild:
        """Make the Deployment be as desired."""
        own = live if live is not None and is_shared(live) else None
        hashes = desired_hashes(live, found=access.config_hashes, source=place.oldest)
        is_foreign = access.uses_default_redis and self._default_secrets.is_foreign_in(place.pool.namespace)
        if REDIS_HASH_ANNOTATION not in hashes or is_foreign:
            # A pod without a URL, or with that of somebody else, would fail or write to a wrong place.
            return WrittenChild(live=own, is_compared=False)
        key, prefix = source_list_of(own or {}), key_prefix(place.oldest)
        if not is_source_list_key(key, prefix=prefix):
            key = source_list_key(place.pool, place.index, prefix=prefix, unique=place.oldest.metadata.uid)
        assigned = place.assigned
        runs = any(not one.spec.suspend for one in assigned)
        written = await self._writer.ensure_built(
            run,
            DEPLOYMENTS,
            place.name,
            live=live,
            built_from=(
                place.oldest.metadata.uid,
                place.oldest.metadata.generation,
                tuple(one.metadata.uid for one in assigned),
                (runs, key, tuple(sorted(hashes.items()))),
            ),
            build=lambda: build_pool_deployment(
                place.pool,
                place.index,
                oldest=place.oldest,
                members=assigned,
                runs=runs,
                source_list=key,
                config_hashes=hashes,
                defaults=self._ingester_defaults,
            ),
            retries=shared.retries,
        )
        if written.live is not None and written.live is not live:
            events = change_events(live, hashes)
            shared.events |= {one.metadata.uid: events for one in assigned}
        return written

    def _entries(self, run: Reconciliation, owners: Mapping[Component, CursorClaim | None]) -> dict[str, str]:
        """The entries of the streams of the source that may run now."""
        source = run.source
        pods = [pod for pod in self._cache.children(PODS, source_key(source)) if may_run_ingester(pod)]
        still_dedicated = {(pod["metadata"].get("labels") or {}).get(COMPONENT_LABEL) for pod in pods}
        return {
            entry_id(source, stream): build_entry(source, stream)
            for stream in run.streams
            if stream.enabled
            and not source.spec.suspend
            and stream.component.name not in still_dedicated
            and stream.component in owners
            and owners[stream.component] is None
        }

    def _connect_lists(self, pool: PoolKey, access: RedisAccess) -> None:
        """Say where the lists of the pool are. A source that differs from the others can't know it."""
        if access.operator_url is None:
            return
        for live in self._cache.shared_children(DEPLOYMENTS, pool_sharers(pool)):
            index, key = pool.index_of(live["metadata"]["name"]), source_list_of(live)
            if index is not None and key:
                self._lists.connect(pool, index, key=key, url=access.operator_url, ca_bundle=access.ca_bundle)

    async def _write_list(self, run: Reconciliation, place: Place, entries: Mapping[str, str]) -> None:
        try:
            self._client.check_write(place.pool.namespace)
        except ApiError as error:
            run.errors.append(error)
            return
        self._lists.want(place.pool, place.index, run.source, entries)
        await self._lists.sync(place.pool, place.index, frozenset(map(source_id, place.assigned)))
