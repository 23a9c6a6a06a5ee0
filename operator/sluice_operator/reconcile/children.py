"""The step that ensures the children of a source: it writes its Secret and its Deployments, and deletes all others.

A failure does not end the reconcile. It is reported in the status, and the other children are still ensured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sluice_common.clock import Clock
from sluice_operator.desired.child_metadata import is_controlled_by
from sluice_operator.desired.component import Component
from sluice_operator.desired.cursor_claim import CursorClaim
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import (
    DESIRED_HASH_ANNOTATION,
    REDIS_HASH_ANNOTATION,
    child_name,
    redis_secret_name,
)
from sluice_operator.desired.redis_secret import redis_secret
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, SECRETS, ApiResource, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Contest
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_applier import ChildApplier
from sluice_operator.reconcile.config_hashes import change_events, desired_hashes
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccess
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
        ingester_defaults: IngesterDefaults,
        clock: Clock,
    ) -> None:
        self._client = client
        self._cache = cache
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
        if access.owned_secret is not None:
            secret = access.owned_secret
            ensured.append(await self._ensure_child(run, SECRETS, secret.desired, live=secret.live))
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
        if REDIS_HASH_ANNOTATION not in hashes or component not in owners:
            # A pod without a URL would fail. A second ingester with the same cursor would fence the first.
            return _Ensured(live=_own(run, live), is_compared=False)
        may_run = replace(stream, enabled=stream.enabled and owners[component] is None)
        desired = build_deployment(run.source, may_run, config_hashes=hashes, defaults=self._ingester_defaults)
        ensured = await self._ensure_child(run, DEPLOYMENTS, desired, live=live, component=component)
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
    ) -> _Ensured:
        """Make a child be as `desired`, unless the last failure is too recent."""
        name, namespace = desired["metadata"]["name"], desired["metadata"]["namespace"]
        path, fingerprint = resource.path(namespace, name), _fingerprint(desired, live)
        retries, untouched = run.memory.retries, _Ensured(live=_own(run, live), is_compared=False)
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

    async def _live_deployment(self, run: Reconciliation, name: str) -> Manifest | None:
        for child in self._cache.children(DEPLOYMENTS, source_key(run.source)):
            if child["metadata"]["name"] == name:
                return child
        # None has our labels. A Deployment of that name may be somebody else's, or ours without its labels.
        return await self._client.get(DEPLOYMENTS, run.source.metadata.namespace, name)

    async def _delete_unwanted(self, run: Reconciliation) -> None:
        """Delete children that are no longer desired. The Secret is read once for each generation."""
        source, deleted = run.source, True
        desired = {child_name(source.metadata.name, stream.component.field) for stream in run.streams}
        for child in self._cache.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] not in desired and is_controlled_by(child, source):
                deleted &= await self._delete(run, DEPLOYMENTS, child)
        if run.memory.retries.cleaned_generation != source.metadata.generation and deleted:
            await self._delete_unwanted_secret(run)

    async def _delete_unwanted_secret(self, run: Reconciliation) -> None:
        source, deleted = run.source, True
        name = redis_secret_name(kind=type(source).__name__, resource=source.metadata.name)
        if redis_secret(source).name != name:
            try:
                async with run.api_timeout():
                    secret = await self._client.get(SECRETS, source.metadata.namespace, name)
            except ApiError as error:
                run.errors.append(error)
                return
            if secret is not None and is_controlled_by(secret, source):
                deleted = await self._delete(run, SECRETS, {**secret, "kind": SECRETS.kind})
        if deleted:
            run.memory.retries.cleaned_generation = source.metadata.generation

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


def _own(run: Reconciliation, live: Manifest | None) -> Manifest | None:
    """`live`, if the source controls it."""
    return live if live is not None and is_controlled_by(live, run.source) else None


def _fingerprint(desired: Manifest, live: Manifest | None) -> str:
    """A text that changes if something else is desired, or if the live object has changed."""
    generation = live["metadata"].get("generation", 0) if live else 0
    return f"{(desired['metadata'].get('annotations') or {}).get(DESIRED_HASH_ANNOTATION, '')} {generation}"
