"""The step that ensures the children of a source: it writes its Secret and its Deployments, and deletes all others.

A failure does not end the reconcile. It is reported in the status, and the other children are still ensured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sluice_operator.desired.child_metadata import is_controlled_by
from sluice_operator.desired.component import Component
from sluice_operator.desired.cursor_claim import CursorClaim
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION, child_name
from sluice_operator.desired.pools import PoolKey, source_id
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Contest
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_writer import ChildWriter, WrittenChild, own_child
from sluice_operator.reconcile.config_hashes import change_events, desired_hashes
from sluice_operator.reconcile.default_redis_secret import DefaultRedisSecrets
from sluice_operator.reconcile.former_redis_secrets import FormerRedisSecrets
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.pool_leaving import PoolLeaving
from sluice_operator.reconcile.pools import Place, Pools
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccess


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsuredChildren:
    """The children of a source after this step."""

    deployments: Mapping[Component, Manifest]
    """By stream: its Deployment, if there is one that belongs to the source."""
    contests: tuple[Contest, ...] | None
    """The fields that are left as others set them; None if not all children were compared."""
    place: Place | None = None
    """The shared Deployment of the source. None if its pods are its own."""


class Children:
    """Ensures the children of sources."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        writer: ChildWriter,
        default_secrets: DefaultRedisSecrets,
        pools: Pools,
        leaving: PoolLeaving,
        ingester_defaults: IngesterDefaults,
    ) -> None:
        self._client = client
        self._cache = cache
        self._writer = writer
        self._default_secrets = default_secrets
        self._former_secrets = FormerRedisSecrets(client=client, writer=writer, defaults=default_secrets)
        self._pools = pools
        self._leaving = leaving
        self._ingester_defaults = ingester_defaults

    async def ensure(
        self, run: Reconciliation, access: RedisAccess, owners: Mapping[Component, CursorClaim | None]
    ) -> EnsuredChildren:
        """Create, update and delete children until they are as desired.

        `owners` holds, by stream, the claim of another source that owns the cursor. A stream whose owner is unknown is
        missing from it. Raises SourceDeletedError and SourceOutdatedError.
        """
        ensured = []
        if access.uses_default_redis:
            ensured.append(await self._default_secrets.ensure(run))
        deployments: dict[Component, Manifest] = {}
        place = self._pools.place_of(run.source)
        has_left = await self._has_left_pool(run, place)
        if place is not None:
            one = await self._pools.ensure(run, place, access, owners, has_left=has_left)
            ensured.append(one)
            if one.live is not None:
                self._former_secrets.saw(run, one.live)
                deployments = {stream.component: one.live for stream in run.streams}
        else:
            for stream in run.streams:
                one = await self._ensure_deployment(run, access, owners, stream, has_left=has_left)
                ensured.append(one)
                if one.live is not None:
                    deployments[stream.component] = one.live
        if run.blocked_by is None:
            await self._delete_unwanted(run, place)
            own = self._cache.children(DEPLOYMENTS, source_key(run.source))
            await self._former_secrets.delete(run, [*own, *deployments.values()])
        contests = tuple(contest for one in ensured for contest in one.contests)
        are_known = contests or all(one.is_compared for one in ensured)
        return EnsuredChildren(deployments=deployments, contests=contests if are_known else None, place=place)

    async def _has_left_pool(self, run: Reconciliation, place: Place | None) -> bool:
        """Whether the source runs no more in a shared Deployment that was its own before."""
        before = run.source.status.pool
        if before is None or (place is not None and (place.pool.name, place.name) == (before.name, before.deployment)):
            return True
        try:
            async with run.api_timeout():
                pool = PoolKey(run.source.metadata.namespace, before.name)
                run.still_in = await self._leaving.still_running(pool, before.deployment, source_id(run.source))
        except ApiError as error:
            run.errors.append(error)
            return False
        return not run.still_in

    async def _ensure_deployment(
        self,
        run: Reconciliation,
        access: RedisAccess,
        owners: Mapping[Component, CursorClaim | None],
        stream: DesiredStream,
        *,
        has_left: bool,
    ) -> WrittenChild:
        name, component = child_name(run.source.metadata.name, stream.component.field), stream.component
        try:
            async with run.api_timeout():
                live = await self._live_deployment(run, name)
        except ApiError as error:
            run.errors.append(error)
            run.add_refusal(refusal_of(error, action=f"show the Deployment {name}"), component)
            return WrittenChild(live=None, is_compared=False)
        hashes = desired_hashes(live, found=access.config_hashes, source=run.source)
        is_foreign = access.uses_default_redis and self._default_secrets.is_foreign_in(run.source.metadata.namespace)
        if REDIS_HASH_ANNOTATION not in hashes or component not in owners or is_foreign:
            # A pod without a URL, or with that of somebody else, would fail or write to a wrong place. A second
            # ingester with the same cursor would fence the first.
            return WrittenChild(live=own_child(run, live), is_compared=False)
        if live is not None:
            self._former_secrets.saw(run, live)
        may_run = owners[component] is None and has_left
        allowed = replace(stream, enabled=stream.enabled and may_run)
        written = await self._writer.ensure_built(
            run,
            DEPLOYMENTS,
            name,
            live=live,
            built_from=(run.source.metadata.generation, may_run, tuple(sorted(hashes.items()))),
            build=lambda: build_deployment(run.source, allowed, config_hashes=hashes, defaults=self._ingester_defaults),
            component=component,
        )
        if written.live is not None and written.live is not live:
            run.events += change_events(live, hashes)
        return written

    async def _live_deployment(self, run: Reconciliation, name: str) -> Manifest | None:
        for child in self._cache.children(DEPLOYMENTS, source_key(run.source)):
            if child["metadata"]["name"] == name:
                return child
        # None has our labels. A Deployment of that name may be somebody else's, or ours without its labels.
        return await self._client.get(DEPLOYMENTS, run.source.metadata.namespace, name)

    async def _delete_unwanted(self, run: Reconciliation, place: Place | None) -> None:
        """Delete children that are no longer desired. A source in a shared Deployment needs none of its own."""
        source, streams = run.source, run.streams if place is None else ()
        desired = {child_name(source.metadata.name, stream.component.field) for stream in streams}
        for child in self._cache.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] not in desired and is_controlled_by(child, source):
                self._former_secrets.saw(run, child)
                await self._writer.delete(run, DEPLOYMENTS, child)
