"""Reads a source from the API server, where the cached one may be out of date.

A watch reports a deletion late. Until then a reconcile sees a source that is gone, and children that the garbage
collector has deleted already.
"""

from sluice_operator.api.source import Source
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.kinds import Kinds


class SourceOutdatedError(Exception):
    """The source has changed since its reconcile began."""


class SourceDeletedError(Exception):
    """The source was deleted, and no watch has reported it yet. The rest of the reconcile has nothing to do."""


class SourceReader:
    """Reads sources. The operator has the right to list them, but not to get one."""

    def __init__(self, client: KubernetesClient, kinds: Kinds) -> None:
        self._client = client
        self._kinds = kinds

    async def read(self, key: SourceKey, uid: str) -> Manifest | None:
        """The source with that key and `uid` as it is now, or None if there is none. Raises ApiError."""
        resource = self._kinds[key.kind].resource
        listed = await self._client.list(resource, key.namespace, field_selector=f"metadata.name={key.name}")
        return next((item for item in listed.items if item["metadata"]["uid"] == uid), None)

    async def check_exists(self, source: Source) -> None:
        """Raise SourceDeletedError if the source is deleted or is being deleted. Raises ApiError."""
        found = await self.read(source_key(source), source.metadata.uid)
        if found is None or "deletionTimestamp" in found["metadata"]:
            raise SourceDeletedError(f"{source.metadata.namespace}/{source.metadata.name} was deleted")
