"""The informers: for each kind a watch that keeps the cache fresh and adds keys to the work queue."""

import asyncio
import signal
from collections.abc import Callable, Collection, Iterator, Set
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import kopf

from sluice_operator.kubernetes.api_resource import ApiResource
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import PAGE_SIZE
from sluice_operator.kubernetes.informers.kopf_engine import KindNotDiscoveredError, KopfEngine
from sluice_operator.kubernetes.informers.kopf_login import KopfLogin
from sluice_operator.kubernetes.informers.kopf_storages import NoDiffBase, NoProgress
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from sluice_operator.kubernetes.watched_kinds import WatchedKinds
from sluice_operator.kubernetes.workqueue import backoff_seconds

Task: TypeAlias = asyncio.Task[Any]
Add = Callable[[SourceKey], None]

_CHECK_SECONDS: Final = 0.25
"""How often each watch is checked, and moved to the namespaces that are served."""


async def run_informers(
    *,
    kinds: WatchedKinds,
    cache: Cache,
    freshness: WatchFreshness,
    add: Add,
    login: KopfLogin,
    namespaces: ServedNamespaces,
    in_flight_writes: Set[Task],
    stop: asyncio.Event,
) -> None:
    """Watch until cancelled. Raises what ends the watch of children, or CredentialsRejectedError.

    The watch of a kind of source that ends is started again. `stop` is set by SIGTERM and SIGINT. kopf does not cancel
    the tasks in `in_flight_writes`, which may change at any time.
    """
    other_tasks = asyncio.all_tasks()
    engines = [
        KopfEngine(
            api=api,
            registry=_kopf_registry(
                kinds=kinds,
                api=api,
                cache=cache,
                freshness=freshness,
                add=add,
                login=login.for_another_engine(),
            ),
            settings=_kopf_settings(kinds),
            foreign_tasks=_ForeignTasks(other_tasks, in_flight_writes),
            on_started=lambda: stop_on_signals(stop),  # kopf has just replaced the signal handlers
        )
        for api in kinds.all
    ]
    tasks = [
        asyncio.create_task(_run_informer(engine, kinds, namespaces), name=f"watch of {engine.api.plural}")
        for engine in engines
    ]
    try:
        ended, _ = await asyncio.wait([*tasks, login.rejected], return_when=asyncio.FIRST_COMPLETED)
        for one in ended:
            one.result()
        raise RuntimeError("the watches have ended by themselves")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def handle_source_event(
    cache: Cache, add: Add, api: ApiResource, event_type: str | None, source: dict[str, Any]
) -> None:
    """Store a changed source, and add its key if it needs a reconciliation, with those of the sources that its change
    may affect.

    A change of the status alone needs none if the operator wrote it. Then the cache has that version already.
    """
    key = SourceKey(api.kind, source["metadata"]["namespace"], source["metadata"]["name"])
    if event_type == "DELETED":
        cache.remove(api, source)
        before = None
    else:
        before = cache.put(api, source)
    if before is None or _relevant_fields(before) != _relevant_fields(source):
        for one in (key, *cache.related_sources(source)):
            add(one)
    elif _is_status_of_others(before, source, stored=cache.source(key)):
        add(key)


def handle_child_event(cache: Cache, add: Add, api: ApiResource, event_type: str | None, child: dict[str, Any]) -> None:
    """Store a changed child, and add the key of its source, and of the source that it belonged to before."""
    if event_type == "DELETED":
        cache.remove(api, child)
        before = None
    else:
        before = cache.put(api, child)
        if before is not None and _resource_version(before) == _resource_version(child):
            return  # the operator wrote it
    for one in (child, before):
        for owner in cache.owners_of(one) if one is not None else ():
            add(owner)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM and SIGINT. Without handlers, process 1 of a container would ignore both."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def _run_informer(engine: KopfEngine, kinds: WatchedKinds, namespaces: ServedNamespaces) -> None:
    """Watch one kind in the scopes where it is served, which may change. Raises what ends the watch of children."""
    served_kinds, failures = namespaces.kinds, 0
    try:
        while True:
            try:
                is_steady = await engine.ensure_watching(namespaces.watch_scopes(engine.api))
            except Exception as error:
                await engine.stop()
                if not kinds.is_source(engine.api) and not isinstance(error, KindNotDiscoveredError):
                    raise
                failures += 1
                if namespaces.watch_scopes(engine.api):
                    served_kinds.watch_failed(engine.api, str(error) or type(error).__name__)
                await asyncio.sleep(backoff_seconds(failures))
            else:
                if is_steady:
                    served_kinds.watch_running(engine.api)
                failures = 0 if is_steady else failures
                await asyncio.sleep(_CHECK_SECONDS)
    finally:
        await engine.stop()


@dataclass(frozen=True, eq=False)
class _ForeignTasks(Collection[Task]):
    """The tasks that kopf must not cancel when an engine ends: all of them.

    By default kopf cancels every task that started after the engine. That would cancel writes in the middle, and end
    the watches of other kinds.
    """

    others: Set[Task]
    in_flight_writes: Set[Task]

    def __contains__(self, task: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Task]:
        return iter(asyncio.all_tasks() | self.others | self.in_flight_writes)

    def __len__(self) -> int:
        return len(asyncio.all_tasks() | self.others | self.in_flight_writes)


def _kopf_registry(
    *, kinds: WatchedKinds, api: ApiResource, cache: Cache, freshness: WatchFreshness, add: Add, login: KopfLogin
) -> kopf.OperatorRegistry:
    """The only handlers: for login, and for raw events, for which kopf writes nothing as long as they return None."""
    registry = kopf.OperatorRegistry()
    handle = handle_source_event if kinds.is_source(api) else handle_child_event
    kopf.on.login(registry=registry, id="login")(login.log_in)

    @kopf.on.event(api.api_version, api.plural, registry=registry, id=api.plural)
    async def on_event(*, event: kopf.RawEvent, **_: Any) -> None:
        freshness.record(api, event["object"])
        handle(cache, add, api, event["type"], dict(event["object"]))

    return registry


def _is_status_of_others(before: dict[str, Any], source: dict[str, Any], *, stored: dict[str, Any] | None) -> bool:
    """Whether somebody else has written to the status. The cache has what the operator wrote, or something newer."""
    version = _resource_version(source)
    is_news = version != _resource_version(before) and version == _resource_version(stored or source)
    return is_news and before.get("status") != source.get("status")


def _resource_version(item: dict[str, Any]) -> Any:
    return item["metadata"].get("resourceVersion")


def _relevant_fields(source: dict[str, Any]) -> tuple[object, ...]:
    """The parts of a source that a reconciliation depends on: all but its status."""
    metadata = source["metadata"]
    return (
        metadata["uid"],
        metadata.get("generation"),
        metadata.get("annotations"),
        "deletionTimestamp" in metadata,
    )


def _kopf_settings(kinds: WatchedKinds) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    # How long a task waits for further events of one object. Until then it keeps the last one, which is a whole object.
    settings.queueing.idle_timeout = 0.05
    settings.watching.chunk_size = PAGE_SIZE  # by default kopf has all objects of a list in memory
    # kopf would kill the process some minutes after an engine has ended. Engines end and start again here.
    settings.process.ultimate_exiting_timeout = None
    # Kinds and namespaces are given, so kopf needs no rights to list CRDs and namespaces.
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 30
    settings.networking.connect_timeout = 30
    settings.networking.request_timeout = 30
    # About as long in total as kopf's default, but with shorter pauses: an API server that is back is found in seconds.
    settings.networking.error_backoffs = (1, 1, 2, 3, *[5] * 10)
    settings.networking.trust_env = True
    for api in kinds.all:
        if selector := kinds.label_selector(api):
            settings.watching.label_selectors[api.api_version, api.plural] = selector
    return settings
