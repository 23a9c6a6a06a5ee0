"""kopf as the watch engine, and as nothing else: it keeps the store fresh and says what to look at.

Each kind has an engine of its own, since kopf ends all of an engine when one watch ends: see `engine`. Only `on.event`
handlers are registered. For those kopf patches nothing: no finalizer, no annotation, no result, as long as a handler
returns None. What kopf can't see from the inside (a watch that has gone blind without an error) is found by `resync`,
and what it keeps to itself is heard by `session`.
"""

import asyncio
import signal
from collections.abc import Callable, Collection, Iterator, Set
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import kopf

from sluice_operator.desired.naming import CHILD_SELECTOR
from sluice_operator.kinds.registry import SOURCES
from sluice_operator.kinds.source_key import SourceKey
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import DEPLOYMENTS, PODS, ApiResource
from sluice_operator.kubernetes.informers.kopf_engine import KindNotDiscoveredError, KopfEngine
from sluice_operator.kubernetes.informers.kopf_login import KopfLogin
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from sluice_operator.kubernetes.workqueue import backoff_seconds

Task: TypeAlias = asyncio.Task[Any]
Add = Callable[[SourceKey], None]

WATCHED_RESOURCES: Final = (*SOURCES.values(), DEPLOYMENTS, PODS)
"""What is watched, and listed by `resync`."""

_CHECK_SECONDS: Final = 0.25
"""How often it is seen to it that each kind is watched where it is served."""


def label_selector_of(api: ApiResource) -> str:
    """The label selector by which objects of one kind are watched; the sources themselves need none."""
    return "" if api in SOURCES.values() else CHILD_SELECTOR


async def run_informers(
    *,
    cache: Cache,
    freshness: WatchFreshness,
    add: Add,
    login: KopfLogin,
    namespaces: ServedNamespaces,
    in_flight_writes: Set[Task],
    stop: asyncio.Event,
) -> None:
    """Watch until cancelled. Raises what ends the watch of Deployments or Pods, or the session; a kind of resource is
    watched anew instead. `stop` is set by SIGTERM and SIGINT. The tasks in `writes`, whenever they come, are none of
    the engines'.
    """
    others = asyncio.all_tasks()
    engines = [
        KopfEngine(
            api=api,
            registry=_kopf_registry(api, cache, freshness, add, login.for_another_engine()),
            settings=_kopf_settings(),
            foreign_tasks=_ForeignTasks(others, in_flight_writes),
            on_started=lambda: stop_on_signals(stop),  # kopf has just made them its own
        )
        for api in WATCHED_RESOURCES
    ]
    tasks = [
        asyncio.create_task(_run_informer(engine, namespaces), name=f"watch of {engine.api.plural}")
        for engine in engines
    ]
    try:
        ended, _ = await asyncio.wait([*tasks, login.rejected], return_when=asyncio.FIRST_COMPLETED)
        for one in ended:
            one.result()
        raise RuntimeError("the watches have ended, and nobody asked them to")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run_informer(engine: KopfEngine, namespaces: ServedNamespaces) -> None:
    """Watch one kind where it is served, as that changes. Raises what ends the watch of a kind that all need."""
    kinds, failures = namespaces.kinds, 0
    try:
        while True:
            scopes = namespaces.watch_scopes(engine.api)
            try:
                runs = await engine.ensure_watching(scopes)
            except Exception as error:
                await engine.stop()
                if engine.api not in SOURCES.values() and not isinstance(error, KindNotDiscoveredError):
                    raise
                failures += 1
                if namespaces.watch_scopes(engine.api):
                    kinds.watch_failed(engine.api, str(error) or type(error).__name__)
                await asyncio.sleep(backoff_seconds(failures))
            else:
                if runs:
                    kinds.watch_running(engine.api)
                failures = 0 if runs else failures
                await asyncio.sleep(_CHECK_SECONDS)
    finally:
        await engine.stop()


@dataclass(frozen=True, eq=False)
class _ForeignTasks(Collection[Task]):
    """The tasks that kopf must not take for its own: at its end it cancels all that came after its start. What is being
    written would be cut off without anybody knowing whether it is carried out, and other kinds' watches would end.
    """

    others: Set[Task]
    in_flight_writes: Set[Task]

    def __contains__(self, task: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Task]:
        return iter(asyncio.all_tasks() | self.others | self.in_flight_writes)

    def __len__(self) -> int:
        return len(asyncio.all_tasks() | self.others | self.in_flight_writes)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM and SIGINT. Explicit handlers matter: to PID 1 a signal has no default."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _kopf_registry(
    api: ApiResource, cache: Cache, freshness: WatchFreshness, add: Add, login: KopfLogin
) -> kopf.OperatorRegistry:
    registry, take = kopf.OperatorRegistry(), handle_source_event if api in SOURCES.values() else handle_child_event
    kopf.on.login(registry=registry, id="login")(login.log_in)

    @kopf.on.event(api.api_version, api.plural, registry=registry, id=api.plural)
    async def on_event(*, event: kopf.RawEvent, **_: Any) -> None:
        freshness.record(api, event["object"])
        take(cache, add, api, event["type"], dict(event["object"]))

    return registry


def handle_source_event(
    cache: Cache, add: Add, api: ApiResource, event_type: str | None, source: dict[str, Any]
) -> None:
    """Take in the news of a source. Its own status is no news: the operator wrote it."""
    key = SourceKey(api.kind, source["metadata"]["namespace"], source["metadata"]["name"])
    if event_type == "DELETED":
        cache.remove(api, source)
        add(key)
        return
    before = cache.put(api, source)
    if before is None or _relevant_fields(before) != _relevant_fields(source):
        add(key)


def handle_child_event(cache: Cache, add: Add, api: ApiResource, event_type: str | None, child: dict[str, Any]) -> None:
    """Take in the news of a child, which are news of its source, and of the one it has belonged to."""
    if event_type == "DELETED":
        cache.remove(api, child)
        before = None
    else:
        before = cache.put(api, child)
    for one in (child, before):
        if one is not None and (owner := cache.owner_of(one)):
            add(owner)


def _relevant_fields(source: dict[str, Any]) -> tuple[object, ...]:
    metadata = source["metadata"]
    return (
        metadata["uid"],
        metadata.get("generation"),
        metadata.get("annotations"),
        "deletionTimestamp" in metadata,
    )


def _kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    # An engine may end and begin anew; kopf would kill the process some minutes after its end.
    settings.process.ultimate_exiting_timeout = None
    # The kinds are known and the namespaces named: no rights on CRDs and namespaces are needed.
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 30
    settings.networking.connect_timeout = 30
    settings.networking.request_timeout = 30
    # Kept up for about as long as kopf would, but with an API server that is back noticed within seconds.
    settings.networking.error_backoffs = (1, 1, 2, 3, *[5] * 10)
    settings.networking.trust_env = True
    for api in WATCHED_RESOURCES:
        if selector := label_selector_of(api):
            settings.watching.label_selectors[api.api_version, api.plural] = selector
    return settings
