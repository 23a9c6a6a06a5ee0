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

from sluice_operator.kinds.registry import CHILD_SELECTOR, SOURCES, SourceKey
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import DEPLOYMENTS, PODS, Api
from sluice_operator.kubernetes.informers.kopf_engine import Engine, UndiscoveredError
from sluice_operator.kubernetes.informers.kopf_login import Login
from sluice_operator.kubernetes.served_namespaces import Namespaces
from sluice_operator.kubernetes.watch_freshness import Sight
from sluice_operator.kubernetes.workqueue import backoff_seconds

Task: TypeAlias = asyncio.Task[Any]
Add = Callable[[SourceKey], None]

WATCHED: Final = (*SOURCES.values(), DEPLOYMENTS, PODS)
"""What is watched, and listed by `resync`."""

_FOLLOW_SECONDS: Final = 0.25
"""How often it is seen to it that each kind is watched where it is served."""


def selector_of(api: Api) -> str:
    """The label selector by which objects of one kind are watched; the sources themselves need none."""
    return "" if api in SOURCES.values() else CHILD_SELECTOR


async def run_watches(
    *,
    store: Store,
    sight: Sight,
    add: Add,
    login: Login,
    namespaces: Namespaces,
    writes: Set[Task],
    stop: asyncio.Event,
) -> None:
    """Watch until cancelled. Raises what ends the watch of Deployments or Pods, or the session; a kind of resource is
    watched anew instead. `stop` is set by SIGTERM and SIGINT. The tasks in `writes`, whenever they come, are none of
    the engines'.
    """
    others = asyncio.all_tasks()
    engines = [
        Engine(
            api=api,
            registry=_registry(api, store, sight, add, login.another()),
            settings=_settings(),
            spared=_Spared(others, writes),
            started=lambda: stop_on_signals(stop),  # kopf has just made them its own
        )
        for api in WATCHED
    ]
    tasks = [asyncio.create_task(_keep(engine, namespaces), name=f"watch of {engine.api.plural}") for engine in engines]
    try:
        ended, _ = await asyncio.wait([*tasks, login.refused], return_when=asyncio.FIRST_COMPLETED)
        for one in ended:
            one.result()
        raise RuntimeError("the watches have ended, and nobody asked them to")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(engine: Engine, namespaces: Namespaces) -> None:
    """Watch one kind where it is served, as that changes. Raises what ends the watch of a kind that all need."""
    kinds, failures = namespaces.kinds, 0
    try:
        while True:
            scopes = namespaces.served_of(engine.api)
            try:
                runs = await engine.follow(scopes)
            except Exception as error:
                await engine.stop()
                if engine.api not in SOURCES.values() and not isinstance(error, UndiscoveredError):
                    raise
                failures += 1
                if namespaces.served_of(engine.api):
                    kinds.watch_failed(engine.api, str(error) or type(error).__name__)
                await asyncio.sleep(backoff_seconds(failures))
            else:
                if runs:
                    kinds.watch_runs(engine.api)
                failures = 0 if runs else failures
                await asyncio.sleep(_FOLLOW_SECONDS)
    finally:
        await engine.stop()


@dataclass(frozen=True, eq=False)
class _Spared(Collection[Task]):
    """The tasks that kopf must not take for its own: at its end it cancels all that came after its start. What is being
    written would be cut off without anybody knowing whether it is carried out, and other kinds' watches would end.
    """

    others: Set[Task]
    writes: Set[Task]

    def __contains__(self, task: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Task]:
        return iter(asyncio.all_tasks() | self.others | self.writes)

    def __len__(self) -> int:
        return len(asyncio.all_tasks() | self.others | self.writes)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM and SIGINT. Explicit handlers matter: to PID 1 a signal has no default."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _registry(api: Api, store: Store, sight: Sight, add: Add, login: Login) -> kopf.OperatorRegistry:
    registry, take = kopf.OperatorRegistry(), take_source if api in SOURCES.values() else take_child
    kopf.on.login(registry=registry, id="login")(login.log_in)

    @kopf.on.event(api.version, api.plural, registry=registry, id=api.plural)
    async def on_event(*, event: kopf.RawEvent, **_: Any) -> None:
        sight.saw(api, event["object"])
        take(store, add, api, event["type"], dict(event["object"]))

    return registry


def take_source(store: Store, add: Add, api: Api, kind: str | None, source: dict[str, Any]) -> None:
    """Take in the news of a source. Its own status is no news: the operator wrote it."""
    key = SourceKey(api.kind, source["metadata"]["namespace"], source["metadata"]["name"])
    if kind == "DELETED":
        store.drop(api, source)
        add(key)
        return
    before = store.put(api, source)
    if before is None or _matter(before) != _matter(source):
        add(key)


def take_child(store: Store, add: Add, api: Api, kind: str | None, child: dict[str, Any]) -> None:
    """Take in the news of a child, which are news of its source, and of the one it has belonged to."""
    if kind == "DELETED":
        store.drop(api, child)
        before = None
    else:
        before = store.put(api, child)
    for one in (child, before):
        if one is not None and (owner := store.owner(one)):
            add(owner)


def _matter(source: dict[str, Any]) -> tuple[object, ...]:
    metadata = source["metadata"]
    return (
        metadata["uid"],
        metadata.get("generation"),
        metadata.get("annotations"),
        "deletionTimestamp" in metadata,
    )


def _settings() -> kopf.OperatorSettings:
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
    for api in WATCHED:
        if selector := selector_of(api):
            settings.watching.label_selectors[api.version, api.plural] = selector
    return settings
