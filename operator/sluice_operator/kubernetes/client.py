"""The Kubernetes API, as far as the operator writes to it and reads what it doesn't watch.

Objects are plain JSON, as they travel: the client's models would cost memory and time to make and would drop
fields that are newer than they. Requests are not repeated here; the work queue repeats the whole look.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from sluice_operator import __version__
from sluice_operator.kubernetes import yaml
from sluice_operator.kubernetes.in_flight import InFlightRequests

Manifest: TypeAlias = dict[str, Any]
Result = TypeVar("Result")

REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10)
PAGE_SIZE: Final = 500
_APPLY: Final = "application/apply-patch+yaml; charset=utf-8"  # with a parameter, or the client would write JSON
_MERGE: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_IMMUTABLE_FIELD: Final = "field is immutable"
_TYPED_PATCH_ERRORS: Final = ("failed to create typed patch object", "failed to convert new object")
"""How the API server's 500 begins if a field of a server-side apply is unknown or of the wrong type: it is strict
there, whatever fieldValidation asks, but has no code of its own for that.
"""
_REFUSAL_CODES: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_TOKEN_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class ApiError(Exception):
    """The API server did not do what was asked.

    `code` is the HTTP status, or 0 if no answer came; `message` the server's own words; `retry_after` for how many
    seconds the server asks to be left alone, as a 429 does.
    """

    def __init__(self, code: int, reason: str, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after = retry_after

    @property
    def is_refusal(self) -> bool:
        """Whether the server understood the request and will refuse it as long as nobody changes
        something.
        """
        if self.code == HTTPStatus.INTERNAL_SERVER_ERROR:
            return self.message.startswith(_TYPED_PATCH_ERRORS)
        return self.code in _REFUSAL_CODES

    @property
    def is_conflict(self) -> bool:
        """Whether somebody else has changed the object since it was read."""
        return self.code == HTTPStatus.CONFLICT

    @property
    def is_immutable_field(self) -> bool:
        """Whether what is there can't become what is wanted: only another object can."""
        return self.code == HTTPStatus.UNPROCESSABLE_ENTITY and _IMMUTABLE_FIELD in self.message


class IncompleteError(ApiError):
    """The API server did not do all that was asked, and what could be done without it was done: it is worth looking
    again `within` so many seconds, however often that has happened.
    """

    def __init__(self, error: ApiError, *, retry_within: float) -> None:
        super().__init__(error.code, error.reason, error.message, retry_after=error.retry_after)
        self.retry_within = retry_within


class UnconfiguredError(Exception):
    """Nothing says how to reach an API server; the text says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiResource:
    """Where the objects of one namespaced kind are found."""

    api_version: str
    """Such as `v1` or `apps/v1`."""
    kind: str
    plural: str

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The path of an object, of its subresource, or of the list in one namespace or in all (None)."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        scope = f"/namespaces/{namespace}" if namespace else ""
        steps = "".join(f"/{step}" for step in (name, subresource) if step)
        return f"{root}{self.api_version}{scope}/{self.plural}{steps}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectList:
    """Objects as they were at one moment."""

    items: list[Manifest]
    resource_version: str
    """The resource version of that moment."""


DEPLOYMENTS: Final = ApiResource(api_version="apps/v1", kind="Deployment", plural="deployments")
PODS: Final = ApiResource(api_version="v1", kind="Pod", plural="pods")
SECRETS: Final = ApiResource(api_version="v1", kind="Secret", plural="secrets")
CONFIG_MAPS: Final = ApiResource(api_version="v1", kind="ConfigMap", plural="configmaps")
EVENTS: Final = ApiResource(api_version="v1", kind="Event", plural="events")
LEASES: Final = ApiResource(api_version="coordination.k8s.io/v1", kind="Lease", plural="leases")


async def load_configuration() -> Configuration:
    """How to reach the API server: by $KUBECONFIG, else from within the cluster, else by ~/.kube/config.

    Raises UnconfiguredError if none of these says how.
    """
    configuration, file = Configuration(), os.environ.get("KUBECONFIG")
    try:
        if not file and await asyncio.to_thread(_TOKEN_FILE.exists):
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(  # type: ignore[no-untyped-call]
                config_file=file, client_configuration=configuration, persist_config=False
            )
    except ConfigException as error:
        raise UnconfiguredError(f"set KUBECONFIG, or run in a cluster with a service account: {error}") from error
    return configuration


class KubernetesClient:
    """A client of one API server."""

    def __init__(self, api_client: ApiClient) -> None:
        self._api_client = api_client
        self._api_client.user_agent = f"sluice-operator/{__version__}"
        self._in_flight = InFlightRequests()
        self._write_guard: Callable[[str], None] = lambda _: None

    def set_write_guard(self, guard: Callable[[str], None]) -> None:
        """Call `check` with the namespace before each write, except of Leases. It raises KubeError if nothing may be
        written there.
        """
        self._write_guard = guard

    def check_write(self, namespace: str) -> None:
        """To be called before a write to something else, such as Redis, for a resource in that namespace. Raises
        KubeError if nothing may be written for it.
        """
        self._write_guard(namespace)

    async def get(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """An object, or None if there is none. Raises KubeError."""
        try:
            return await self._request("GET", api.path(namespace, name))
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def get_if_allowed(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """An object, or None if there is none or the server refuses to show it. Raises KubeError."""
        try:
            return await self.get(api, namespace, name)
        except ApiError as error:
            if error.is_refusal:
                return None
            raise

    async def list(
        self, api: ApiResource, namespace: str | None, *, label_selector: str = "", field_selector: str = ""
    ) -> ObjectList:
        """All objects in one namespace or in all (None), by a label and a field selector. Raises KubeError."""
        try:
            return await self._list_pages(api, namespace, label_selector=label_selector, field_selector=field_selector)
        except ApiError as error:
            if error.code != HTTPStatus.GONE:
                raise
            # What a page goes on from was compacted away: the whole list begins anew.
            return await self._list_pages(api, namespace, label_selector=label_selector, field_selector=field_selector)

    async def _list_pages(
        self, api: ApiResource, namespace: str | None, *, label_selector: str, field_selector: str
    ) -> ObjectList:
        items: list[Manifest] = []
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        query = {"limit": str(PAGE_SIZE)} | {name: value for name, value in selectors.items() if value}
        while True:
            page = await self._request("GET", api.path(namespace), query=query)
            items += page.get("items") or []
            metadata = page.get("metadata", {})
            if not (more := metadata.get("continue")):
                return ObjectList(items=items, resource_version=metadata.get("resourceVersion", ""))
            query["continue"] = more

    async def try_watch(self, api: ApiResource, namespace: str | None, *, resource_version: str) -> None:
        """Watch for a second, to see whether that is allowed. Raises KubeError."""
        query = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": "1"}
        await self._exchange("GET", api.path(namespace), query=query)

    async def apply(self, api: ApiResource, manifest: Manifest, *, manager: str, subresource: str = "") -> Manifest:
        """Apply `manifest` server-side, as the owner of the fields in it. The object as it is then.

        Raises KubeError.
        """
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
        """Change an object by the operations of a JSON patch, or with `dry_run` only see what would come of it. The
        object as it is then. Raises KubeError.
        """
        query = {"fieldManager": manager} | ({"dryRun": "All"} if dry_run else {})
        change: dict[str, Any] = {"query": query, "body": list(operations), "content_type": _JSON_PATCH}
        if dry_run:
            return await self._request("PATCH", api.path(namespace, name), **change)
        return await self._write("PATCH", api, namespace, name, **change)

    async def delete(self, api: ApiResource, namespace: str, name: str, *, uid: str, foreground: bool = False) -> bool:
        """Delete the object of this `uid`. Whether it was there. Raises KubeError.

        With `foreground` it goes only when all that belongs to it is gone, such as a Deployment after its pods.
        """
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Foreground" if foreground else "Background"}
        try:
            await self._write("DELETE", api, namespace, name, body=body)
        except ApiError as error:
            if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                return False
            raise
        return True

    async def create(self, api: ApiResource, manifest: Manifest) -> Manifest:
        """Create an object. Raises KubeError."""
        return await self._write("POST", api, manifest["metadata"]["namespace"], body=manifest)

    async def replace(self, api: ApiResource, manifest: Manifest) -> Manifest:
        """Replace an object as it was read: if it was changed since, that is a KubeError with code 409."""
        metadata = manifest["metadata"]
        self._check_write(api, metadata["namespace"])
        return await self._request("PUT", api.path(metadata["namespace"], metadata["name"]), body=manifest)

    async def merge_patch(
        self, api: ApiResource, namespace: str, name: str, patch: Manifest, *, manager: str, subresource: str = ""
    ) -> Manifest:
        """Merge `patch` into an object. The object as it is then. Raises KubeError."""
        query = {"fieldManager": manager}
        return await self._write(
            "PATCH", api, namespace, name, subresource, query=query, body=patch, content_type=_MERGE
        )

    @property
    def in_flight_writes(self) -> Set[asyncio.Task[Any]]:
        """The tasks of what is written at any time: see `settle`."""
        return self._in_flight.tasks

    async def run_to_completion(self, steps: Coroutine[Any, Any, Result]) -> Result:
        """What comes of several steps that belong together. They go on if this is cancelled: see `settle`."""
        return await self._in_flight.run(steps)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait for the answers to what was written, whoever has given up waiting for them. A `replace` is not
        waited for: it names the version that it replaces, so late it does nothing.
        """
        await self._in_flight.drain(timeout_seconds)

    async def _write(
        self, method: str, api: ApiResource, namespace: str, name: str = "", subresource: str = "", **request: Any
    ) -> Manifest:
        self._check_write(api, namespace)
        return await self._in_flight.run(self._request(method, api.path(namespace, name, subresource), **request))

    def _check_write(self, api: ApiResource, namespace: str) -> None:
        if api != LEASES:
            self.check_write(namespace)

    async def _request(self, method: str, path: str, **request: Any) -> Manifest:
        answer: Manifest = json.loads(await self._exchange(method, path, **request))
        return answer

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Manifest | Sequence[Manifest] | bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        try:
            request = await self._api_client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._api_client.call_api(*request, _request_timeout=REQUEST_TIMEOUT)
            content: bytes = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, type(error).__name__, str(error) or "no answer in time") from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _parse_error(response.status, content, response.headers.get("Retry-After", ""))
        return content


@asynccontextmanager
async def connect() -> AsyncIterator[tuple[KubernetesClient, Configuration]]:
    """A client, and the configuration that it was made from. Raises UnconfiguredError."""
    configuration = await load_configuration()
    async with ApiClient(configuration) as client:
        yield KubernetesClient(client), configuration


def requested_pause(error: Exception) -> float:
    """For how many seconds the API server asks to be left alone, if `error` says so."""
    return error.retry_after if isinstance(error, ApiError) else 0.0


def retry_limit(error: Exception) -> float:
    """Within how many seconds it is worth looking again after `error`, if that is known."""
    return error.retry_within if isinstance(error, IncompleteError) else float("inf")


def _parse_error(code: int, content: bytes, retry_after: str) -> ApiError:
    seconds = float(retry_after) if retry_after.isdecimal() else 0.0
    try:
        status = json.loads(content)
        return ApiError(code, status.get("reason", ""), status.get("message", ""), retry_after=seconds)
    except (ValueError, AttributeError):
        return ApiError(code, "", content[:200].decode(errors="replace"), retry_after=seconds)
