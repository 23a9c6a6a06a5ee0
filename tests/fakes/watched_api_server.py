"""An API server for watches, over HTTP: discovery, lists and watches. It records each request that it gets.

Namespaces, CRDs, Events and kopf's own peering objects are served too, so that a client which asks for them finds them.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from sluice_operator.kubernetes.api_resource import EVENTS, ApiResource, Manifest

NAMESPACES: Final = ApiResource(api_version="v1", kind="Namespace", plural="namespaces")
CRDS: Final = ApiResource(
    api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition", plural="customresourcedefinitions"
)
PEERINGS: Final = (
    ApiResource(api_version="kopf.dev/v1", kind="ClusterKopfPeering", plural="clusterkopfpeerings"),
    ApiResource(api_version="kopf.dev/v1", kind="KopfPeering", plural="kopfpeerings"),
)
_CLUSTER_SCOPED: Final = {NAMESPACES, CRDS, PEERINGS[0]}
_END: Final[Manifest] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    selector: str
    is_watch: bool
    limit: str


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class _Watch:
    request: Request
    events: "asyncio.Queue[Manifest]"


class WatchedApiServer:
    """Serves the given kinds. A test changes objects, and each watch of them gets an event."""

    def __init__(self, kinds: Iterable[ApiResource]) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self._kinds = [*kinds, EVENTS, NAMESPACES, CRDS, *PEERINGS]
        self._objects: dict[ApiResource, dict[tuple[str, str], Manifest]] = defaultdict(dict)
        self._watches: list[_Watch] = []
        self._history: list[tuple[int, ApiResource, Manifest]] = []
        """Each event with its version, for watches that begin later."""
        self._version = 100
        for api in PEERINGS:
            self._objects[api]["", "default"] = {"metadata": {"name": "default", "namespace": "n"}}

    @property
    def watches(self) -> set[tuple[str, str]]:
        """The path and the label selector of each watch that is open."""
        return {(watch.request.path, watch.request.selector) for watch in self._watches}

    def put(self, api: ApiResource, item: Manifest) -> Manifest:
        """Create or change an object. Returns it with its new version."""
        key = item["metadata"]["namespace"], item["metadata"]["name"]
        event_type = "MODIFIED" if key in self._objects[api] else "ADDED"
        stored = self._objects[api][key] = self._with_next_version(
            {"apiVersion": api.api_version, "kind": api.kind} | item
        )
        self._record(api, {"type": event_type, "object": stored})
        return stored

    def delete(self, api: ApiResource, item: Manifest, *, is_noticed: bool = True) -> None:
        """Delete an object, with or without an event."""
        deleted = self._with_next_version(
            self._objects[api].pop((item["metadata"]["namespace"], item["metadata"]["name"]))
        )
        if is_noticed:
            self._record(api, {"type": "DELETED", "object": deleted})

    def expire(self, api: ApiResource) -> None:
        """Tell each watch of that kind that it can't resume."""
        self._send(api, {"type": "ERROR", "object": {"kind": "Status", "code": HTTPStatus.GONE}})

    def remove_kind(self, api: ApiResource) -> None:
        """Serve that kind no more, and end its watches."""
        self._kinds.remove(api)
        self._send(api, _END)

    def add_kind(self, api: ApiResource) -> None:
        """Serve that kind."""
        self._kinds.append(api)

    def _with_next_version(self, item: Manifest) -> Manifest:
        self._version += 1
        return item | {"metadata": item["metadata"] | {"resourceVersion": str(self._version)}}

    def _record(self, api: ApiResource, event: Manifest) -> None:
        self._history.append((self._version, api, event))
        self._send(api, event)

    def _send(self, api: ApiResource, event: Manifest) -> None:
        for watch in self._watches:
            if _shows(watch.request, api, event):
                watch.events.put_nowait(event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        asked = Request(
            method=request.method,
            path=request.path,
            selector=request.query.get("labelSelector", ""),
            is_watch="watch" in request.query,
            limit=request.query.get("limit", ""),
        )
        self.requests.append(asked)
        if (discovery := self._discovery(request.path)) is not None:
            return web.json_response(discovery)
        api = next((one for one in self._kinds if request.path in _list_paths(one, request.path)), None)
        if request.method != "GET" or api is None:
            return web.json_response({"kind": "Status", "code": HTTPStatus.NOT_FOUND}, status=HTTPStatus.NOT_FOUND)
        if asked.is_watch:
            return await self._watch(request, asked)
        items = [one for one in self._objects[api].values() if request.path == api.path(None) or _is_in(one, asked)]
        return web.json_response(
            {
                "apiVersion": api.api_version,
                "kind": f"{api.kind}List",
                "metadata": {"resourceVersion": str(self._version)},
                "items": items,
            }
        )

    async def _watch(self, request: web.Request, asked: Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        watch = _Watch(request=asked, events=asyncio.Queue())
        for version, api, event in self._history:
            if version > int(request.query["resourceVersion"]) and _shows(asked, api, event):
                watch.events.put_nowait(event)
        self._watches.append(watch)
        try:
            while (event := await watch.events.get()) is not _END:
                await response.write(json.dumps(event).encode() + b"\n")
        except ConnectionError:
            pass  # the client has gone
        finally:
            self._watches.remove(watch)
        return response

    def _discovery(self, path: str) -> Manifest | None:
        versions = {api.api_version for api in self._kinds} - {"v1"}
        match path.strip("/").split("/"):
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                return {"kind": "APIGroupList", "groups": [_group(version) for version in sorted(versions)]}
            case ["api" | "apis", *version] if (api_version := "/".join(version)) in {"v1", *versions}:
                kinds = [_discovered(api) for api in self._kinds if api.api_version == api_version]
                return {"kind": "APIResourceList", "groupVersion": api_version, "resources": kinds}
        return None


@asynccontextmanager
async def serve(server: WatchedApiServer) -> AsyncIterator[WatchedApiServer]:
    """Run the server on a port of the loopback interface, at `server.url`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def _list_paths(api: ApiResource, path: str) -> set[str]:
    """The paths of the lists of that kind: in the cluster, and in the namespace of `path`, if it has one."""
    _, found, rest = path.partition("/namespaces/")
    return {api.path(None)} | ({api.path(rest.split("/")[0])} if found else set())


def _is_in(item: Manifest, asked: Request) -> bool:
    return f"/namespaces/{item['metadata']['namespace']}/" in asked.path


def _shows(watch: Request, api: ApiResource, event: Manifest) -> bool:
    """Whether the watch gets the event: one about an object of its namespace, or one about the watch itself."""
    parts, metadata = watch.path.split("/"), event.get("object", {}).get("metadata")
    return parts[-1] == api.plural and (metadata is None or "namespaces" not in parts or metadata["namespace"] in parts)


def _group(api_version: str) -> dict[str, Any]:
    version = {"groupVersion": api_version, "version": api_version.rsplit("/", maxsplit=1)[-1]}
    return {"name": api_version.split("/", maxsplit=1)[0], "versions": [version], "preferredVersion": version}


def _discovered(api: ApiResource) -> dict[str, Any]:
    return {
        "name": api.plural,
        "singularName": api.kind.lower(),
        "kind": api.kind,
        "namespaced": api not in _CLUSTER_SCOPED,
        "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
    }
