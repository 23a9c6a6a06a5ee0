"""kopf as the watch engine, and as nothing else: it keeps the store fresh and says what to look at.

Only `on.event` handlers are registered. For those kopf patches nothing: no finalizer, no annotation, no result,
as long as a handler returns None. What kopf can't see from the inside (a watch that has gone blind without an
error) is found by `resync`, and what it keeps to itself is heard by `session`.
"""

import asyncio
import signal
from collections.abc import Callable, Collection, Iterator, Set
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import kopf
from kopf._cogs.structs.references import Insights, NamespaceName

from sluice_operator.kube import DEPLOYMENTS, PODS, Api
from sluice_operator.namespaces import Namespaces
from sluice_operator.session import Login
from sluice_operator.sight import Sight
from sluice_operator.sources import CHILD_SELECTOR, SOURCES, SourceKey
from sluice_operator.store import Store

Task: TypeAlias = asyncio.Task[Any]
Add = Callable[[SourceKey], None]

WATCHED: Final = (*SOURCES.values(), DEPLOYMENTS, PODS)
"""What is watched, and listed by `resync`."""

_END_SECONDS: Final = 3.0

IDENTITY: Final[Any] = "sluice-operator"
"""For peers, of which there are none: without it kopf asks for the user's name, and a container's has none."""


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
    """Watch until cancelled. Raises what ends a watch for good. `stop` is set by SIGTERM and SIGINT. The tasks in
    `writes`, whenever they come, are none of the engine's.
    """
    others, insights = asyncio.all_tasks(), Insights()
    tasks = await kopf.spawn_tasks(
        registry=_registry(store, sight, add, login),
        settings=_settings(),
        standalone=True,
        identity=IDENTITY,
        insights=insights,
        clusterwide=not namespaces.names,
        namespaces=namespaces.served,
    )
    stop_on_signals(stop)  # kopf has just made them its own
    engine = asyncio.create_task(kopf.run_tasks(tasks, ignored=_Spared(others, writes)), name="kopf")
    following = asyncio.create_task(_follow(namespaces, insights), name="namespaces")
    try:
        # The engine itself may wait for ever for its parts to end, when one of them has failed.
        ended, _ = await asyncio.wait([*tasks, engine, following, login.refused], return_when=asyncio.FIRST_COMPLETED)
        for one in ended:
            one.result()
        raise RuntimeError("the watches have ended, and nobody asked them to")
    finally:
        following.cancel()
        engine.cancel()
        await asyncio.wait([engine], timeout=_END_SECONDS)


@dataclass(frozen=True, eq=False)
class _Spared(Collection[Task]):
    """The tasks that kopf must not take for its own: at its end it cancels all that came after its start, and what is
    being written would be cut off without anybody knowing whether it is carried out.
    """

    others: Set[Task]
    writes: Set[Task]

    def __contains__(self, task: object) -> bool:
        return task in self.others or task in self.writes

    def __iter__(self) -> Iterator[Task]:
        return iter(self.others | self.writes)

    def __len__(self) -> int:
        return len(self.others | self.writes)


async def _follow(namespaces: Namespaces, insights: Insights) -> None:
    """Watch where it is allowed, as that changes.

    kopf would do so by itself if it might list all namespaces. It takes its `Insights` from outside, for what is
    done here, but does not export the class.
    """
    await insights.ready_namespaces.wait()
    while True:
        await namespaces.changed.wait()
        namespaces.changed.clear()
        async with insights.revised:
            insights.namespaces.clear()
            insights.namespaces.update(map(NamespaceName, namespaces.served))
            insights.revised.notify_all()


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGTERM and SIGINT. Explicit handlers matter: to PID 1 a signal has no default."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _registry(store: Store, sight: Sight, add: Add, login: Login) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="login")(login.log_in)

    for source in SOURCES.values():

        @kopf.on.event(source.version, source.plural, registry=registry, id=source.plural, param=source)
        async def on_source(*, event: kopf.RawEvent, param: Any = None, **_: Any) -> None:
            sight.saw(param, event["object"])
            take_source(store, add, param, event["type"], dict(event["object"]))

    for child in (DEPLOYMENTS, PODS):

        @kopf.on.event(child.version, child.plural, registry=registry, id=child.plural, param=child)
        async def on_child(*, event: kopf.RawEvent, param: Any = None, **_: Any) -> None:
            sight.saw(param, event["object"])
            take_child(store, add, param, event["type"], dict(event["object"]))

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
