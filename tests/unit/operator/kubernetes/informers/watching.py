"""The informers at work: kopf itself, against an API server that records what it is asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from kubernetes.aio.client import Configuration

from sluice_operator.desired.naming import source_label
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.api_resource import ApiResource, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.informers.informers import run_informers
from sluice_operator.kubernetes.informers.kopf_login import KopfLogin
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from tests.fakes.served import served_namespaces
from tests.fakes.watched_api_server import WatchedApiServer, serve

WATCHED = KINDS.watched
NAMESPACE = "n"


class Watching:
    """The informers, and what they deliver."""

    def __init__(self, server: WatchedApiServer, namespaces: ServedNamespaces) -> None:
        self.server = server
        self.namespaces = namespaces
        self.cache = Cache(WATCHED)
        self.freshness = WatchFreshness()
        self.added: list[SourceKey] = []
        self.relists = 0
        self.stop = asyncio.Event()
        self.on_add: Callable[[], object] = lambda: None
        """Called in the handler of each event that needs a reconciliation."""
        self._login = KopfLogin(
            Configuration(host=server.url),
            plurals=[api.plural for api in WATCHED.all],
            on_relist=self._count_relist,
            on_forbidden=lambda _: None,
        )
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await run_informers(
            kinds=WATCHED,
            cache=self.cache,
            freshness=self.freshness,
            add=self._add,
            login=self._login,
            namespaces=self.namespaces,
            in_flight_writes=set(),
            stop=self.stop,
        )

    async def deliver(self, api: ApiResource, change: Manifest) -> Manifest:
        """Create or change an object, and wait until the cache has it."""
        stored = self.server.put(api, change)
        await until(lambda: stored in self.cache.all(api))
        return stored

    async def end(self) -> None:
        """End the informers, as the operator does at its own end."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def _add(self, key: SourceKey) -> None:
        self.added.append(key)
        self.on_add()

    def _count_relist(self) -> None:
        self.relists += 1


@asynccontextmanager
async def watching(*names: str, existing: Mapping[ApiResource, Manifest] | None = None) -> AsyncIterator[Watching]:
    """The informers when each kind is watched, in these namespaces or in the whole cluster. Some objects may exist."""
    namespaces = served_namespaces(*names)
    async with serve(WatchedApiServer(WATCHED.all)) as server:
        for api, found in (existing or {}).items():
            server.put(api, found)
        one = Watching(server, namespaces)
        try:
            await until(lambda: server.watches == expected_watches(namespaces))
            yield one
        finally:
            await one.end()


def expected_watches(namespaces: ServedNamespaces) -> set[tuple[str, str]]:
    """The path and the label selector of each watch that there should be."""
    return {(api.path(scope), WATCHED.label_selector(api)) for api in WATCHED.all for scope in namespaces.scopes}


async def until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait for a state. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def source(*, generation: int = 1) -> Manifest:
    """A source of some kind."""
    return item("us-east", generation=generation)


def key_of(kind: str) -> SourceKey:
    """The key of `source()`, if it is of that kind."""
    return SourceKey(kind, NAMESPACE, "us-east")


def child(of: str) -> Manifest:
    """A child of `source()`, if that is of the kind `of`."""
    return item("us-east-1", labels={source_label(of): "us-east"})


def item(name: str, **metadata: Any) -> Manifest:
    """An object of some kind."""
    return {"metadata": {"namespace": NAMESPACE, "name": name, "uid": f"uid-of-{name}", **metadata}}


def names(cache: Cache, api: ApiResource) -> list[str]:
    """The names of the cached objects of that kind."""
    return [found["metadata"]["name"] for found in cache.all(api)]
