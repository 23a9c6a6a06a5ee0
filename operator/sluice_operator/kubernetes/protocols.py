"""Small protocols for parts of the Kubernetes API, such as reading objects or writing Leases.

`KubernetesClient` implements all of them. A part of the operator that takes one of these shows which requests it sends,
and its test needs a fake of these requests only.
"""

from collections.abc import Callable
from typing import Protocol

from sluice_operator.kubernetes.api_resource import ApiResource, Manifest, ObjectList
from sluice_operator.kubernetes.errors import ApiError


class ObjectReader(Protocol):
    """Reads single objects."""

    async def get(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """An object, or None if there is none. Raises ApiError."""


async def get_if_allowed(reader: ObjectReader, api: ApiResource, namespace: str, name: str) -> Manifest | None:
    """An object, or None if there is none or the server refuses to show it. Raises ApiError."""
    try:
        return await reader.get(api, namespace, name)
    except ApiError as error:
        if error.is_refusal:
            return None
        raise


class ObjectLister(Protocol):
    """Lists objects, and finds out whether they may be watched."""

    async def list(
        self,
        api: ApiResource,
        namespace: str | None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        convert: Callable[[Manifest], Manifest] = lambda item: item,
    ) -> ObjectList:
        """All objects in one namespace or in all (None) that match both selectors. Raises ApiError.

        Each page of objects is converted before the next one is requested.
        """

    async def try_watch(self, api: ApiResource, namespace: str | None, *, resource_version: str) -> None:
        """Watch for a second, to find out whether that is allowed. Raises ApiError."""


class EventWriter(Protocol):
    """Writes Events."""

    async def create(self, api: ApiResource, manifest: Manifest) -> Manifest:
        """Create an object. Raises ApiError, with code 409 if there is one of that name."""

    async def merge_patch(
        self, api: ApiResource, namespace: str, name: str, patch: Manifest, *, manager: str
    ) -> Manifest:
        """Change an object by a JSON merge patch. Returns the object as it is then. Raises ApiError."""


class LeaseClient(Protocol):
    """Reads and writes Leases."""

    async def get(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """An object, or None if there is none. Raises ApiError."""

    async def create(self, api: ApiResource, manifest: Manifest) -> Manifest:
        """Create an object. Raises ApiError, with code 409 if there is one of that name."""

    async def replace(self, api: ApiResource, manifest: Manifest) -> Manifest:
        """Replace an object at the resource version that `manifest` names.

        Raises ApiError, with code 409 if the object was changed since that version.
        """

    async def delete(self, api: ApiResource, namespace: str, name: str, *, uid: str) -> bool:
        """Delete the object of this `uid`. Returns whether there was one. Raises ApiError."""
