"""A proxy between an operator and the API server that injects faults which a real server can't be made to cause.

It forwards everything, watches included. On request it:

- answers instead of the server, late or never
- breaks connections
- makes watches silent: the connection stays open but no event arrives, as with a broken network path
"""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from tests.integration.operator.control_plane import ControlPlane
from tests.integration.operator.injected_faults import ANSWER_DELAY, ANSWER_IS_LOST, Fault, abort, never_answer

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PASSED = ("Content-Type", "Content-Encoding", "Retry-After")
GONE = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}


@dataclass(frozen=True, kw_only=True)
class ProxiedRequest:
    """A request that passed the proxy."""

    verb: str
    """The verb in the words of RBAC. A further page of a list is a `page`."""
    resource: str
    """The plural with the subresource, such as `relays/status`. Empty for other paths."""
    namespace: str
    at: float = field(default_factory=time.monotonic)


@dataclass(kw_only=True)
class _Rule:
    verb: str
    resource: str
    namespace: str
    fault: Fault
    remaining: float

    def matches(self, proxied: ProxiedRequest) -> bool:
        wanted = ((self.verb, proxied.verb), (self.resource, proxied.resource), (self.namespace, proxied.namespace))
        return self.remaining > 0 and all(one in {"", other} for one, other in wanted)


@dataclass(kw_only=True, eq=False)
class _Stream:
    proxied: ProxiedRequest
    request: web.Request
    response: web.StreamResponse
    silent: bool = False


class FaultyProxy:
    """The proxy. It runs in its own thread."""

    def __init__(self, control_plane: ControlPlane, directory: Path) -> None:
        self._upstream = control_plane.url
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._rules: list[_Rule] = []
        self._streams: set[_Stream] = set()
        self._port = 0
        self.requests: list[ProxiedRequest] = []

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def kubeconfig(self, user: str) -> str:
        path = self._directory / f"{user}.kubeconfig"
        manifest = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "faulty", "cluster": {"server": self.url}}],
            "users": [{"name": user, "user": {"token": f"{user}-token"}}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": user}}],
            "current-context": "faulty",
        }
        path.write_text(yaml.safe_dump(manifest))
        return str(path)

    # Faults. An empty argument matches everything.

    @contextmanager
    def inject(
        self, fault: Fault, verb: str = "", resource: str = "", *, namespace: str = "", times: float = float("inf")
    ) -> Iterator[_Rule]:
        """Apply `fault` to matching requests while the context lasts, at most `times` times."""
        rule = _Rule(verb=verb, resource=resource, namespace=namespace, fault=fault, remaining=times)
        self._rules.insert(0, rule)
        try:
            yield rule
        finally:
            self._rules.remove(rule)

    @contextmanager
    def silence(self, resource: str = "", *, namespace: str = "") -> Iterator[None]:
        """Make running watches silent for ever, and new ones while the context lasts."""
        self.silence_running(resource, namespace=namespace)
        with self.inject(_silent_watch, "watch", resource, namespace=namespace):
            yield

    def silence_running(self, resource: str = "", *, namespace: str = "") -> None:
        """Make running watches silent for ever. New ones work."""
        for stream in self.watches(resource, namespace):
            stream.silent = True

    def cut_watches(self, resource: str = "", *, namespace: str = "") -> None:
        """Break the connections of running watches."""
        for stream in self.watches(resource, namespace):
            self._loop.call_soon_threadsafe(abort, stream.request)

    def expire_watches(self, resource: str = "", *, namespace: str = "") -> None:
        """Send "resource version too old" to running watches, silent ones included."""
        for stream in self.watches(resource, namespace, silent=True):
            asyncio.run_coroutine_threadsafe(_expire(stream), self._loop).result(60)

    def watches(self, resource: str = "", namespace: str = "", *, silent: bool = False) -> list[_Stream]:
        """The running watches. `silent` includes those that are silent."""
        rule = _Rule(verb="watch", resource=resource, namespace=namespace, fault=never_answer, remaining=1)
        return [one for one in list(self._streams) if rule.matches(one.proxied) and (silent or not one.silent)]

    # The proxy itself.

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=False, limit=0),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        proxied = _parse(request)
        self.requests.append(proxied)
        for rule in list(self._rules):
            if rule.matches(proxied):
                rule.remaining -= 1
                if (answer := await rule.fault(request)) is not None:
                    return answer
                break
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Connection"}}
        url, body = URL(self._upstream + request.raw_path, encoded=True), await request.read()
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body or None, allow_redirects=False
            ) as found:
                passed = {name: found.headers[name] for name in _PASSED if name in found.headers}
                if request.get(ANSWER_IS_LOST):
                    return abort(request)
                await asyncio.sleep(request.get(ANSWER_DELAY, 0.0))
                if proxied.verb != "watch":
                    return web.Response(status=found.status, headers=passed, body=await found.read())
                return await self._stream(request, proxied, found, passed)
        except aiohttp.ClientError:
            return abort(request)

    async def _stream(
        self, request: web.Request, proxied: ProxiedRequest, found: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=found.status, headers=headers)
        await response.prepare(request)
        stream = _Stream(proxied=proxied, request=request, response=response)
        self._streams.add(stream)
        try:
            async for chunk in found.content.iter_any():
                if not stream.silent:
                    await response.write(chunk)
            while stream.silent:
                await asyncio.sleep(0.1)
        finally:
            self._streams.discard(stream)
        return response


async def _silent_watch(request: web.Request) -> web.StreamResponse:
    await web.StreamResponse(headers={"Content-Type": "application/json"}).prepare(request)
    return await never_answer(request)


async def _expire(stream: _Stream) -> None:
    event = {"type": "ERROR", "object": {**GONE, "message": "too old resource version"}}
    await stream.response.write(json.dumps(event).encode() + b"\n")
    stream.silent = True


def _parse(request: web.Request) -> ProxiedRequest:
    steps = request.path.strip("/").split("/")
    steps = steps[2:] if steps[0] == "api" else steps[3:]
    namespace = ""
    if steps[:1] == ["namespaces"] and len(steps) > 2:
        namespace, steps = steps[1], steps[2:]
    plural, name, *subresource = [*steps, "", ""][: max(2, len(steps))]
    verb = _VERBS[request.method]
    if verb == "get" and not name:
        verb = "watch" if "watch" in request.query else "page" if "continue" in request.query else "list"
    return ProxiedRequest(
        verb=verb,
        resource="/".join(filter(None, (plural, *subresource))),
        namespace=namespace,
    )
