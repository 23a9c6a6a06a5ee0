"""The operator's finalizer: on a resource that asks for it, before the first cursor, and on no other.

It is written as a patch of the metadata alone, never of the spec, and nobody else's finalizer is touched: a
GitOps tool that applies a resource without finalizers leaves it where it is.
"""

import logging
import time
from http import HTTPStatus
from typing import Final

from sluice_operator.desired.deletion_plan import build_finalizer_patch, has_finalizer
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import ApiError, KubernetesClient, Manifest
from sluice_operator.observed.facts import Refusal
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.retry_backoff import RetryBackoff
from sluice_operator.status.reasons import EventReason
from sluice_operator.status.transitions import Event

logger = logging.getLogger(__name__)

FINALIZER_MANAGER: Final = "sluice-operator-finalizer"
_REFUSED_SECONDS: Final = 300.0


class Finalizer:
    """Puts the finalizer on resources and takes it away."""

    def __init__(self, *, client: KubernetesClient, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._refused_until: dict[str, float] = {}
        self._backoff = RetryBackoff()

    async def ensure(self, source: Manifest, *, held: bool) -> Event | None:
        """Make the finalizer be there, or not be there. What people should know of it.

        Raises KubeError if a new try may help.
        """
        uid = source["metadata"]["uid"]
        if (
            has_finalizer(source) == held
            or time.monotonic() < self._refused_until.get(uid, 0.0)
            or self.in_backoff(source, held=held)
        ):
            return None
        try:
            await self.write(source, held=held)
        except ApiError as error:
            if not error.is_refusal:
                refusal = refusal_of(error, action="write the finalizer of spec.deletionPolicy")
                self._backoff.record_failure(uid, str(held), refusal, error)
                raise
            self._refused_until[uid] = time.monotonic() + _REFUSED_SECONDS
            message = f"The finalizer of spec.deletionPolicy can't be set as it should: {error.message}"
            logger.warning("%s/%s: %s", source["metadata"]["namespace"], source["metadata"]["name"], message)
            return Event(type="Warning", reason=EventReason.CURSOR_NOT_DELETED, message=message)
        self.drop_source(uid)
        return None

    def in_backoff(self, source: Manifest, *, held: bool) -> Refusal | None:
        """Why it is not tried now to set it, if it must be."""
        return None if has_finalizer(source) == held else self._backoff.in_backoff(source["metadata"]["uid"], str(held))

    async def write(self, source: Manifest, *, held: bool) -> None:
        """Write the finalizers of `source`. Raises KubeError; a source that is gone is no error."""
        api, metadata = KINDS[source["kind"]].resource, source["metadata"]
        patch = build_finalizer_patch(source, present=held)
        try:
            written = await self._client.merge_patch(
                api, metadata["namespace"], metadata["name"], patch, manager=FINALIZER_MANAGER
            )
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return
            raise
        if "deletionTimestamp" not in written["metadata"]:
            self._cache.put(api, written)

    def drop_source(self, uid: str) -> None:
        """The source is gone, or it is to be tried at once."""
        self._refused_until.pop(uid, None)
        self._backoff.reset(uid)
