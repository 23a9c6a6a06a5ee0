"""The operator's finalizer: on a resource that asks for it, before the first cursor, and on no other.

It is written as a patch of the metadata alone, never of the spec, and nobody else's finalizer is touched: a
GitOps tool that applies a resource without finalizers leaves it where it is.
"""

import logging
import time
from http import HTTPStatus
from typing import Final

from sluice_operator.desired.deletion_plan import finalizers_patch, is_held
from sluice_operator.kinds.registry import SOURCES
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import Kube, KubeError, Manifest
from sluice_operator.observed.facts import Refusal
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.retry_times import Attempts
from sluice_operator.status.reasons import Happening
from sluice_operator.status.transitions import Tell

logger = logging.getLogger(__name__)

MANAGER: Final = "sluice-operator-finalizer"
_REFUSED_SECONDS: Final = 300.0


class Finalizer:
    """Puts the finalizer on resources and takes it away."""

    def __init__(self, *, kube: Kube, store: Store) -> None:
        self._kube = kube
        self._store = store
        self._refused: dict[str, float] = {}
        self._attempts = Attempts()

    async def keep(self, source: Manifest, *, held: bool) -> Tell | None:
        """Make the finalizer be there, or not be there. What people should know of it.

        Raises KubeError if a new try may help.
        """
        uid = source["metadata"]["uid"]
        if is_held(source) == held or time.monotonic() < self._refused.get(uid, 0.0) or self.waits(source, held=held):
            return None
        try:
            await self.write(source, held=held)
        except KubeError as error:
            if not error.is_refusal:
                refusal = refusal_of(error, doing="write the finalizer of spec.deletionPolicy")
                self._attempts.fail(uid, str(held), refusal, error)
                raise
            self._refused[uid] = time.monotonic() + _REFUSED_SECONDS
            message = f"The finalizer of spec.deletionPolicy can't be set as it should: {error.message}"
            logger.warning("%s/%s: %s", source["metadata"]["namespace"], source["metadata"]["name"], message)
            return Tell(type="Warning", reason=Happening.CURSOR_NOT_DELETED, message=message)
        self.forget(uid)
        return None

    def waits(self, source: Manifest, *, held: bool) -> Refusal | None:
        """Why it is not tried now to set it, if it must be."""
        return None if is_held(source) == held else self._attempts.waits(source["metadata"]["uid"], str(held))

    async def write(self, source: Manifest, *, held: bool) -> None:
        """Write the finalizers of `source`. Raises KubeError; a source that is gone is no error."""
        api, metadata = SOURCES[source["kind"]], source["metadata"]
        patch = finalizers_patch(source, held=held)
        try:
            written = await self._kube.merge(api, metadata["namespace"], metadata["name"], patch, manager=MANAGER)
        except KubeError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return
            raise
        if "deletionTimestamp" not in written["metadata"]:
            self._store.put(api, written)

    def forget(self, uid: str) -> None:
        """The source is gone, or it is to be tried at once."""
        self._refused.pop(uid, None)
        self._attempts.forget(uid)
