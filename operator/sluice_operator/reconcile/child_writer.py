"""Writes and deletes one child of a source: with pauses after failures, and with what went wrong in the status.

A failure does not end the reconcile.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from sluice_common.clock import Clock
from sluice_operator.desired.child_metadata import is_controlled_by, is_shared
from sluice_operator.desired.component import Component
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION
from sluice_operator.kubernetes.api_resource import ApiResource, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Contest
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_applier import ChildApplier
from sluice_operator.reconcile.child_errors import kind_and_name
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.source_memory import Retries
from sluice_operator.reconcile.source_reader import SourceReader


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenChild:
    """A child after it was ensured."""

    live: Manifest | None
    """None if there is none that belongs to the source."""
    contests: tuple[Contest, ...] = ()
    is_compared: bool = True
    """Whether the child was compared with the desired one."""


class ChildWriter:
    """Writes and deletes children."""

    def __init__(self, *, client: KubernetesClient, cache: Cache, sources: SourceReader, clock: Clock) -> None:
        self._cache = cache
        self._applier = ChildApplier(client, sources, clock)

    async def ensure_built(
        self,
        run: Reconciliation,
        resource: ApiResource,
        name: str,
        *,
        live: Manifest | None,
        built_from: Hashable,
        build: Callable[[], Manifest],
        component: Component | None = None,
        retries: Retries | None = None,
    ) -> WrittenChild:
        """`ensure` with what `build` returns. It is not called if `live` was compared before with a child that was
        built from the same.
        """
        states = (retries or run.memory.retries).children
        path = resource.path(run.source.metadata.namespace, name)
        if live is not None and path in states and states[path].is_settled(live, built_from):
            return WrittenChild(live=live, contests=states[path].contests(kind_and_name(live), live))
        desired = build()
        written = await self.ensure(run, resource, desired, live=live, component=component, retries=retries)
        if path in states:
            states[path].record_build(built_from, desired["metadata"]["annotations"][DESIRED_HASH_ANNOTATION])
        if written.live is not None and written.live is not live:
            self._cache.put(resource, written.live)
        return written

    async def ensure(
        self,
        run: Reconciliation,
        resource: ApiResource,
        desired: Manifest,
        *,
        live: Manifest | None,
        component: Component | None = None,
        retries: Retries | None = None,
    ) -> WrittenChild:
        """Make a child be as `desired`, unless the last failure is too recent.

        `retries` are those of a shared child; by default those of the source.
        """
        name, namespace = desired["metadata"]["name"], desired["metadata"]["namespace"]
        path, fingerprint = resource.path(namespace, name), _fingerprint(desired, live)
        retries, untouched = retries or run.memory.retries, WrittenChild(live=own_child(run, live), is_compared=False)
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
        return WrittenChild(live=result.live, contests=result.contests)

    async def delete(self, run: Reconciliation, resource: ApiResource, child: Manifest) -> bool:
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


def own_child(run: Reconciliation, live: Manifest | None) -> Manifest | None:
    """`live`, if it belongs to the source, or to several."""
    return live if live is not None and (is_controlled_by(live, run.source) or is_shared(live)) else None


def _fingerprint(desired: Manifest, live: Manifest | None) -> str:
    """A text that changes if something else is desired, or if the live object has changed."""
    generation = live["metadata"].get("generation", 0) if live else 0
    return f"{(desired['metadata'].get('annotations') or {}).get(DESIRED_HASH_ANNOTATION, '')} {generation}"
