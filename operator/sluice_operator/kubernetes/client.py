"""The client of the Kubernetes API: reads and writes of single objects, and lists.

A failed request is not repeated here: the work queue repeats the reconciliation.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence, Set
from http import HTTPStatus
from typing import Any, Final, TypeVar

from sluice_operator.kubernetes import yaml
from sluice_operator.kubernetes.api_resource import LEASES, ApiResource, Manifest, ObjectList
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.in_flight import InFlightRequests
from sluice_operator.kubernetes.transport import Body, Transport

Result = TypeVar("Result")

PAGE_SIZE: Final = 50
"""How many objects a list has in memory as the API server sends them. Larger pages save little time."""
_JSON: Final = "application/json"
_APPLY: Final = "application/apply-patch+yaml; charset=utf-8"  # without a parameter the library writes JSON
_MERGE_PATCH: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"


class KubernetesClient:
    """A client of one API server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._in_flight = InFlightRequests()
        self._write_guard: Callable[[str], None] = lambda _: None

    def set_write_guard(self, guard: Callable[[str], None]) -> None:
        """Call `guard` with the namespace before each write, except of Leases.

        `guard` raises ApiError if this process may not write in that namespace.
        """
        self._write_guard = guard

    def check_write(self, namespace: str) -> None:
        """Raise ApiError if this process may not write for resources in that namespace.

        To be called before a write to anything but the API server, such as Redis.
        """
        self._write_guard(namespace)

    async def get(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """An object, or None if there is none. Raises ApiError."""
        try:
            return await self._request("GET", api.path(namespace, name))
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

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
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        query = {"limit": str(PAGE_SIZE)} | {name: value for name, value in selectors.items() if value}
        try:
            return await self._list_pages(api, namespace, query, convert)
        except ApiError as error:
            if error.code != HTTPStatus.GONE:
                raise
            # The version that the pages belong to was compacted. A new list has a newer version.
            return await self._list_pages(api, namespace, query, convert)

    async def try_watch(self, api: ApiResource, namespace: str | None, *, resource_version: str) -> None:
        """Watch for a second, to find out whether that is allowed. Raises ApiError."""
        query = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": "1"}
        await self._send("GET", api.path(namespace), query=query)

    async def apply(self, api: ApiResource, manifest: Manifest, *, manager: str, subresource: str = "") -> Manifest:
        """Apply `manifest` server-side, with force. Returns the object as it is then. Raises ApiError."""
        metadata = manifest["metadata"]
        return await self._write(
            "PATCH",
            api,
            metadata["namespace"],
            metadata["name"],
            subresource,
            query={"fieldManager": manager, "force": "true"},
            body=yaml.dump(manifest),
            content_type=_APPLY,
        )

    async def json_patch(
        self,
        api: ApiResource,
        namespace: str,
        name: str,
        operations: Sequence[Manifest],
        *,
        manager: str,
        dry_run: bool,
    ) -> Manifest:
        """Change an object by a JSON patch (RFC 6902), or with `dry_run` only compute the result.

        Returns the object as it is then. Raises ApiError.
        """
        query = {"fieldManager": manager} | ({"dryRun": "All"} if dry_run else {})
        patch: dict[str, Any] = {"query": query, "body": list(operations), "content_type": _JSON_PATCH}
        if dry_run:
            return await self._request("PATCH", api.path(namespace, name), **patch)
        return await self._write("PATCH", api, namespace, name, **patch)

    async def merge_patch(
        self, api: ApiResource, namespace: str, name: str, patch: Manifest, *, manager: str, subresource: str = ""
    ) -> Manifest:
        """Change an object by a JSON merge patch (RFC 7386). Returns the object as it is then. Raises ApiError."""
        query = {"fieldManager": manager}
        return await self._write(
            "PATCH", api, namespace, name, subresource, query=query, body=patch, content_type=_MERGE_PATCH
        )

    async def create(self, api: ApiResource, manifest: Manifest) -> Manifest:
        """Create an object. Raises ApiError, with code 409 if there is one of that name."""
        return await self._write("POST", api, manifest["metadata"]["namespace"], body=manifest)

    async def replace(self, api: ApiResource, manifest: Manifest) -> Manifest:
        """Replace an object at the resource version that `manifest` names.

        Raises ApiError, with code 409 if the object was changed since that version.
        """
        metadata = manifest["metadata"]
        self._check_write(api, metadata["namespace"])
        return await self._request("PUT", api.path(metadata["namespace"], metadata["name"]), body=manifest)

    async def delete(self, api: ApiResource, namespace: str, name: str, *, uid: str, foreground: bool = False) -> bool:
        """Delete the object of this `uid`. Returns whether there was one. Raises ApiError.

        With `foreground` it goes after its dependents, such as a Deployment after its pods.
        """
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Foreground" if foreground else "Background"}
        try:
            await self._write("DELETE", api, namespace, name, body=body)
        except ApiError as error:
            if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                return False
            raise
        return True

    @property
    def in_flight_writes(self) -> Set[asyncio.Task[Any]]:
        """The tasks of the writes without a response. The set changes as they begin and end."""
        return self._in_flight.tasks

    async def run_to_completion(self, steps: Coroutine[Any, Any, Result]) -> Result:
        """The result of `steps`, which continue if the caller is cancelled: see `drain`."""
        return await self._in_flight.run(steps)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for the responses to all writes, also to those whose caller was cancelled.

        A `replace` is not waited for: it names the version that it replaces, so a late one does nothing.
        """
        await self._in_flight.drain(timeout_seconds)

    async def _list_pages(
        self,
        api: ApiResource,
        namespace: str | None,
        query: Mapping[str, str],
        convert: Callable[[Manifest], Manifest],
    ) -> ObjectList:
        items: list[Manifest] = []
        token = ""
        while True:
            more = {"continue": token} if token else {}
            page = await self._request("GET", api.path(namespace), query={**query, **more})
            items += map(convert, page.get("items") or [])
            metadata = page.get("metadata", {})
            if not (token := metadata.get("continue", "")):
                return ObjectList(items=items, resource_version=metadata.get("resourceVersion", ""))

    async def _write(
        self, method: str, api: ApiResource, namespace: str, name: str = "", subresource: str = "", **request: Any
    ) -> Manifest:
        self._check_write(api, namespace)
        return await self._in_flight.run(self._request(method, api.path(namespace, name, subresource), **request))

    def _check_write(self, api: ApiResource, namespace: str) -> None:
        if api != LEASES:  # a Lease is what gives the right to write
            self.check_write(namespace)

    async def _request(self, method: str, path: str, **request: Any) -> Manifest:
        answer: Manifest = json.loads(await self._send(method, path, **request))
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body = None,
        content_type: str = _JSON,
    ) -> bytes:
        response = await self._transport.send(method, path, query=query or {}, body=body, content_type=content_type)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _parse_error(response.status, response.content, response.retry_after)
        return response.content


def _parse_error(code: int, content: bytes, retry_after: str) -> ApiError:
    seconds = float(retry_after) if retry_after.isdecimal() else 0.0
    try:
        status = json.loads(content)
        return ApiError(code, status.get("reason", ""), status.get("message", ""), retry_after=seconds)
    except (ValueError, AttributeError):
        return ApiError(code, "", content[:200].decode(errors="replace"), retry_after=seconds)
