"""The operator's finalizer: it is on each resource whose deletion policy needs it, and on no other.

A patch of the metadata writes it. The spec and the finalizers of others are not changed. So a GitOps tool that applies
the resource without finalizers does not remove it.
"""

import logging
from http import HTTPStatus
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.desired.deletion_plan import build_finalizer_patch, deletes_cursor, has_finalizer
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.kinds import Kinds
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.status.event_reasons import EventReason
from sluice_operator.status.events import event_of

logger = logging.getLogger(__name__)

FINALIZER_MANAGER: Final = "sluice-operator-finalizer"
_REFUSED_SECONDS: Final = 300.0
_KEY: Final = "finalizer"


class Finalizer:
    """Adds the finalizer to resources and removes it."""

    def __init__(self, *, client: KubernetesClient, cache: Cache, kinds: Kinds, clock: Clock) -> None:
        self._client = client
        self._cache = cache
        self._kinds = kinds
        self._clock = clock

    async def ensure(self, run: Reconciliation) -> Refusal | None:
        """Add or remove the finalizer as spec.deletionPolicy requires. If that fails, returns why no child may be
        written yet.

        Without the finalizer, the cursor of an ingester would never be deleted. If the API server refuses the finalizer
        permanently, the source streams without it, and an Event says so.
        """
        wanted = deletes_cursor(run.found)
        if has_finalizer(run.found) == wanted:
            return None
        writes = run.memory.retries.finalizer
        if self._clock.monotonic() >= writes.refused_until and not writes.backoff.in_backoff(_KEY, str(wanted)):
            try:
                await self._write_and_report(run, present=wanted)
            except ApiError as error:
                run.errors.append(error)
                refusal = refusal_of(error, action="write the finalizer of spec.deletionPolicy")
                writes.backoff.record_failure(_KEY, str(wanted), refusal, error)
        return writes.backoff.in_backoff(_KEY, str(wanted)) if wanted else None

    async def write(self, found: Manifest, *, present: bool) -> None:
        """Write the finalizers of `found`. Raises ApiError, except if the source is gone."""
        resource, metadata = self._kinds[found["kind"]].resource, found["metadata"]
        patch = build_finalizer_patch(found, present=present)
        try:
            written = await self._client.merge_patch(
                resource, metadata["namespace"], metadata["name"], patch, manager=FINALIZER_MANAGER
            )
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return
            raise
        if "deletionTimestamp" not in written["metadata"]:
            self._cache.put(resource, written)

    async def _write_and_report(self, run: Reconciliation, *, present: bool) -> None:
        writes = run.memory.retries.finalizer
        try:
            await self.write(run.found, present=present)
        except ApiError as error:
            if not error.is_refusal:
                raise
            writes.refused_until = self._clock.monotonic() + _REFUSED_SECONDS
            message = (
                f"The API server refuses to change the finalizer of spec.deletionPolicy: {error.message}; change what "
                "forbids it"
            )
            logger.warning("%s/%s: %s", run.source.metadata.namespace, run.source.metadata.name, message)
            run.events.append(event_of(EventReason.CURSOR_NOT_DELETED, message))
        else:
            writes.refused_until = 0.0
            writes.backoff.reset(_KEY)
