"""The step that ensures the children of a source: it writes its Secret and its Deployments, and deletes all others.

A failure does not end the reconcile. It is reported in the status, and the other children are still ensured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sluice_common.clock import Clock
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import is_controlled_by, is_shared
from sluice_operator.desired.component import Component
from sluice_operator.desired.cursor_claim import CursorClaim
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import (
    DEFAULT_REDIS_SECRET,
    DESIRED_HASH_ANNOTATION,
    REDIS_HASH_ANNOTATION,
    child_name,
    former_redis_secret_name,
)
from sluice_operator.desired.redis_secret import redis_secret
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, SECRETS, ApiResource, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.deployments import redis_secret_of
from sluice_operator.observed.facts.children import Contest
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_applier import ChildApplier
from sluice_operator.reconcile.child_errors import kind_and_name
from sluice_operator.reconcile.config_hashes import change_events, desired_hashes
from sluice_operator.reconcile.default_redis_secret import DefaultRedisSecrets
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccess
from sluice_operator.reconcile.source_memory import Retries
from sluice_operator.reconcile.source_reader import SourceReader


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsuredChildren:
    """The children of a source after this step."""

    deployments: Mapping[Component, Manifest]
    """By stream: its Deployment, if there is one that belongs to the source."""
    contests: tuple[Contest, ...] | None
    """The fields that are left as others set them; None if not all children were compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ensured:
    live: Manifest | None
    contests: tuple[Contest, ...] = ()
    is_compared: bool = True
    """Whether the child was compared with the desired one."""


class Children:
    """Ensures the children of sources."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        sources: SourceReader,
        default_secrets: DefaultRedisSecrets,
        ingester_defaults: IngesterDefaults,
        clock: Clock,
    ) -> None:
        self._client = client
        self._cache = cache
        self._default_secrets = default_secrets
        self._applier = ChildApplier(client, sources, clock)
        self._ingester_defaults = ingester_defaults

    async def ensure(
        self, run: Reconciliation, access: RedisAccess, owners: Mapping[Component, CursorClaim | None]
    ) -> EnsuredChildren:
        """Create, update and delete children until they are as desired.

        `owners` holds, by stream, the claim of another source that owns the cursor. A stream whose owner is unknown is
        missing from it. Raises SourceDeletedError.
        """
        ensured = []
        if access.uses_default_redis:
            ensured.append(await self._ensure_default_secret(run))
        deployments: dict[Component, Manifest] = {}
        for stream in run.streams:
            one = await self._ensure_deployment(run, access, owners, stream)
            ensured.append(one)
            if one.live is not None:
                deployments[stream.component] = one.live
        if run.blocked_by is None:
            await self._delete_unwanted(run)
        contests = tuple(contest for one in ensured for contest in one.contests)
        are_known = contests or all(one.is_compared for one in ensured)
        return EnsuredChildren(deployments=deployments, contests=contests if are_known else None)

    async def _ensure_deployment(
        self,
        run: Reconciliation,
        access: RedisAccess,
        owners: Mapping[Component, CursorClaim | None],
        stream: DesiredStream,
    ) -> _Ensured:
        name, component = child_name(run.source.metadata.name, stream.component.field), stream.component
        try:
            async with run.api_timeout():
                live = await self._live_deployment(run, name)
        except ApiError as error:
            run.errors.append(error)
            run.add_refusal(refusal_of(error, action=f"show the Deployment {name}"), component)
            return _Ensured(live=None, is_compared=False)
        hashes = desired_hashes(live, found=access.config_hashes, source=run.source)
        is_foreign = access.uses_default_redis and self._default_secrets.is_foreign_in(run.source.metadata.namespace)
        if REDIS_HASH_ANNOTATION not in hashes or component not in owners or is_foreign:
            # A pod without a URL, or with that of somebody else, would fail or write to a wrong place. A second
            # ingester with the same cursor would fence the first.
            return _Ensured(live=_own(run, live), is_compared=False)
        if live is not None:
            run.memory.former_secrets.update(_former_secrets(live, run.source))
        may_run = owners[component] is None
        states, path = run.memory.retries.children, DEPLOYMENTS.path(run.source.metadata.namespace, name)
        built_from = (run.source.metadata.generation, may_run, tuple(sorted(hashes.items())))
        if live is not None and path in states and states[path].is_settled(live, built_from):
            return _Ensured(live=live, contests=states[path].contests(kind_and_name(live), live))
        allowed = replace(stream, enabled=stream.enabled and may_run)
        desired = build_deployment(run.source, allowed, config_hashes=hashes, defaults=self._ingester_defaults)
        ensured = await self._ensure_child(run, DEPLOYMENTS, desired, live=live, component=component)
        if path in states:
            states[path].record_build(built_from, desired["metadata"]["annotations"][DESIRED_HASH_ANNOTATION])
        if ensured.live is not None and ensured.live is not live:
            self._cache.put(DEPLOYMENTS, ensured.live)
            run.events += change_events(live, hashes)
        return ensured

    async def _ensure_child(
        self,
        run: Reconciliation,
        resource: ApiResource,
        desired: Manifest,
        *,
        live: Manifest | None,
        component: Component | None = None,
        retries: Retries | None = None,
    ) -> _Ensured:
        """Make a child be as `desired`, unless the last failure is too recent.

        `retries` are those of a shared child; by default those of the source.
        """
        name, namespace = desired["metadata"]["name"], desired["metadata"]["namespace"]
        path, fingerprint = resource.path(namespace, name), _fingerprint(desired, live)
        retries, untouched = retries or run.memory.retries, _Ensured(live=_own(run, live), is_compared=False)
        if run.blocked_by is not None:
            return untouched
        if refusal := retries.child_backoff.in_backoff(path, fingerprint):
            run.add_refusal(refusal, component)
            run.retry_within(retries.child_backoff.seconds_left(path))
            return untouched
        try:
            async with run.api_timeout():
                result = await self._applier.ensure(
                    resource, desired, live=live, source=run.source, states=retries.children
                )
        except ApiError as error:
            run.errors.append(error)
            refusal = refusal_of(error, action=f"write the {resource.kind} {name}")
            failures = retries.child_backoff.record_failure(path, fingerprint, refusal, error)
            # The children were written for this spec before. A first failure, such as a conflict, soon ends by itself.
            if failures > 1 or not run.is_applied:
                run.add_refusal(refusal, component)
            run.retry_within(retries.child_backoff.seconds_left(path))
            return untouched
        retries.child_backoff.reset(path)
        run.events += result.events
        if result.refusal is not None:
            run.add_refusal(result.refusal, component)
        return _Ensured(live=result.live, contests=result.contests)

    async def _ensure_default_secret(self, run: Reconciliation) -> _Ensured:
        """Make the Secret with the operator's default URL be as desired, for all sources of the namespace."""
        shared = self._default_secrets.of(run.source.metadata.namespace)
        if run.is_requested:
            shared.retry_now()
        async with shared.lock:  # several sources of a namespace are reconciled at the same time
            try:
                live = await self._default_secrets.read(run.source)
            except ApiError as error:
                run.errors.append(error)
                if not run.is_applied:
                    run.add_refusal(refusal_of(error, action=f"show the Secret {DEFAULT_REDIS_SECRET}"))
                return _Ensured(live=None, is_compared=False)
            self._default_secrets.saw(run.source.metadata.namespace, live)
            desired = self._default_secrets.desired(run.source, live)
            ensured = await self._ensure_child(run, SECRETS, desired, live=live, retries=shared.retries)
            if ensured.live is not None and ensured.live is not live:
                self._default_secrets.written(ensured.live)
            return ensured

    async def _live_deployment(self, run: Reconciliation, name: str) -> Manifest | None:
        for child in self._cache.children(DEPLOYMENTS, source_key(run.source)):
            if child["metadata"]["name"] == name:
                return child
        # None has our labels. A Deployment of that name may be somebody else's, or ours without its labels.
        return await self._client.get(DEPLOYMENTS, run.source.metadata.namespace, name)

    async def _delete_unwanted(self, run: Reconciliation) -> None:
        """Delete children that are no longer desired."""
        source = run.source
        desired = {child_name(source.metadata.name, stream.component.field) for stream in run.streams}
        for child in self._cache.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] not in desired and is_controlled_by(child, source):
                await self._delete(run, DEPLOYMENTS, child)
        for name in list(run.memory.former_secrets):
            await self._delete_former_secret(run, name)

    async def _delete_former_secret(self, run: Reconciliation, name: str) -> None:
        """Delete a Secret that the operator made and the Deployment no longer references, if nobody else needs it."""
        namespace = run.source.metadata.namespace
        live = self._cache.children(DEPLOYMENTS, source_key(run.source))
        if name in map(redis_secret_of, live):
            return  # the Deployment could not be written yet
        is_default = name == DEFAULT_REDIS_SECRET
        if not (is_default and self._default_secrets.is_needed_in(namespace)):
            try:
                async with run.api_timeout():
                    secret = await self._client.get(SECRETS, namespace, name)
            except ApiError as error:
                run.errors.append(error)
                return
            is_own = secret is not None and (is_shared(secret) if is_default else is_controlled_by(secret, run.source))
            if secret is not None and is_own and not await self._delete(run, SECRETS, {**secret, "kind": SECRETS.kind}):
                return
        run.memory.former_secrets.discard(name)

    async def _delete(self, run: Reconciliation, resource: ApiResource, child: Manifest) -> bool:
        """Delete a child, unless the last failure is too recent. Returns whether it is deleted."""
        metadata, backoff = child["metadata"], run.memory.retries.child_backoff
        path = resource.path(metadata["namespace"], metadata["name"])
        if backoff.in_backoff(path, metadata["uid"]):
            run.retry_within(backoff.seconds_left(path))
            return False
        try:
            async with run.api_timeout():
                event = await self._applier.delete(resource, child)
        except ApiError as error:
            run.errors.append(error)
            refusal = refusal_of(error, action=f"delete the {resource.kind} {metadata['name']}")
            backoff.record_failure(path, metadata["uid"], refusal, error)
            run.retry_within(backoff.seconds_left(path))
            return False
        backoff.reset(path)
        if event is not None:
            run.events.append(event)
        return True


def _former_secrets(live: Manifest, source: Source) -> set[str]:
    """The Secret that the operator made and that `live` references, if the source needs another one now."""
    kind, resource = type(source).__name__, source.metadata.name
    made = {DEFAULT_REDIS_SECRET, former_redis_secret_name(kind=kind, resource=resource)}
    return (made & {redis_secret_of(live)}) - {redis_secret(source).name}


def _own(run: Reconciliation, live: Manifest | None) -> Manifest | None:
    """`live`, if it belongs to the source, or to several."""
    return live if live is not None and (is_controlled_by(live, run.source) or is_shared(live)) else None


def _fingerprint(desired: Manifest, live: Manifest | None) -> str:
    """A text that changes if something else is desired, or if the live object has changed."""
    generation = live["metadata"].get("generation", 0) if live else 0
    return f"{(desired['metadata'].get('annotations') or {}).get(DESIRED_HASH_ANNOTATION, '')} {generation}"
