"""The resync, with an API server in memory and in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, ApiResource
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.resync import FIRST_LIST_TIMEOUT_SECONDS, Resync
from sluice_operator.kubernetes.served_kinds import ServedKinds
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watch_freshness import StaleWatchError, WatchFreshness
from tests.fakes.api_server import FakeApiServer
from tests.fakes.virtual_time import VirtualClock

RELAYS, LABELERS = (kind.resource for kind in KINDS)
SOURCES = KINDS.watched.sources
INTERVAL_SECONDS = 300.0


class World:
    """A resync, its API server and its cache."""

    def __init__(self, *namespaces: str) -> None:
        clock = VirtualClock()
        self.server = FakeApiServer()
        self.cache = Cache(KINDS.watched)
        self.freshness = WatchFreshness(clock=clock)
        self.namespaces = ServedNamespaces(ServedKinds(SOURCES.values(), clock=clock), namespaces)
        self.added: list[SourceKey] = []
        self.resync = Resync(
            client=self.server.client,
            kinds=KINDS.watched,
            cache=self.cache,
            freshness=self.freshness,
            add=self.added.append,
            namespaces=self.namespaces,
            interval_seconds=INTERVAL_SECONDS,
            clock=clock,
        )

    def create(self, api: ApiResource, name: str, namespace: str = "n", **labels: str) -> dict[str, Any]:
        return self.server.edit(api, namespace, name, lambda item: item["metadata"].update(labels=labels))

    def create_watched(self, api: ApiResource, name: str, **labels: str) -> None:
        """Create an object that its watch has delivered."""
        self.freshness.record(api, self.create(api, name, **labels))

    def names(self, api: ApiResource) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.cache.all(api))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        await self.resync.list_first()
        task = asyncio.create_task(self.resync.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, StaleWatchError):
                await task


@pytest.fixture
def world() -> World:
    return World()


CHILD = {"app.kubernetes.io/managed-by": "sluice-operator", "sluice.dev/relay": "one"}


async def test_a_list_is_compact_before_the_cache_gets_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole objects of all kinds at once would take several times the memory of the cache."""
    world.create(RELAYS, "one")
    world.create(PODS, "child", **CHILD)
    seen: list[Any] = []
    monkeypatch.setattr(world.cache, "replace", lambda _, items, **__: seen.extend(items) or [])
    await world.resync.list_first()
    assert {item["kind"] for item in seen} == {"Relay", "Pod"}
    assert not any("managedFields" in item["metadata"] for item in seen)


async def seconds_until(condition: Callable[[], bool], *, seconds: float) -> float:
    """Wait for `condition`. The seconds until it was met."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)
    return asyncio.get_running_loop().time() - began


async def test_the_first_list_fills_the_cache_and_adds_each_source(world: World) -> None:
    world.create(RELAYS, "one")
    world.create(LABELERS, "two")
    world.create(PODS, "child", **CHILD)
    world.create(PODS, "unrelated")
    await world.resync.list_first()
    assert world.resync.synced
    assert world.added == [SourceKey("Relay", "n", "one"), SourceKey("Labeler", "n", "two")]
    assert world.names(PODS) == ["child"]


async def test_the_first_list_is_retried_until_it_succeeds(world: World) -> None:
    world.create(RELAYS, "one")
    with world.server.faults.outage():
        first = asyncio.create_task(world.resync.list_first())
        await asyncio.sleep(600)
        assert not world.resync.synced
        assert "the first list of everything: 0 ClientConnectorError" in world.resync.failure
    await seconds_until(first.done, seconds=61)
    assert world.added == [SourceKey("Relay", "n", "one")]


async def test_a_kind_without_a_crd_does_not_delay_the_other(world: World) -> None:
    world.server.remove_kind(LABELERS)
    world.create(RELAYS, "one")
    async with world.running():
        assert world.added == [SourceKey("Relay", "n", "one")]
        assert world.namespaces.kinds.served_by_kind == {"Relay": True, "Labeler": False}
        world.server.restore_kind(LABELERS)
        world.create(LABELERS, "two")
        seconds = await seconds_until(lambda: SourceKey("Labeler", "n", "two") in world.added, seconds=INTERVAL_SECONDS)
        assert seconds <= 10.1
        assert world.namespaces.kinds.served_by_kind == {"Relay": True, "Labeler": True}


async def test_without_any_crd_the_first_list_waits_and_a_running_operator_continues(world: World) -> None:
    for api in SOURCES.values():
        world.server.remove_kind(api)
    first = asyncio.create_task(world.resync.list_first())
    await asyncio.sleep(60)
    assert not world.resync.synced
    assert "There is no CRD for relays" in world.resync.failure
    for api in SOURCES.values():
        world.server.restore_kind(api)
    await seconds_until(first.done, seconds=61)
    async with world.running() as task:
        for api in SOURCES.values():
            world.server.remove_kind(api)
        await asyncio.sleep(3 * INTERVAL_SECONDS)
        assert not task.done()


@pytest.mark.parametrize("api", [DEPLOYMENTS, PODS])
async def test_while_children_cannot_be_listed_nothing_is_served(world: World, api: ApiResource) -> None:
    with world.server.faults.refuse(403, "Forbidden", "no rights", plural=api.plural):
        first = asyncio.create_task(world.resync.list_first())
        await asyncio.sleep(60)
        assert not world.resync.synced
    await seconds_until(first.done, seconds=61)


async def test_a_change_missed_by_a_watch_is_found_at_the_next_resync(world: World) -> None:
    world.create_watched(RELAYS, "one")
    world.create_watched(DEPLOYMENTS, "one-firehose", **CHILD)
    async with world.running():
        world.added.clear()
        world.server.delete(DEPLOYMENTS, "n", "one-firehose")
        seconds = await seconds_until(lambda: bool(world.added), seconds=INTERVAL_SECONDS + 1)
        assert seconds >= INTERVAL_SECONDS - 1
        assert set(world.added) == {SourceKey("Relay", "n", "one")}
        assert world.names(DEPLOYMENTS) == []


async def test_a_requested_resync_runs_soon_and_once(world: World) -> None:
    world.create_watched(RELAYS, "one")
    async with world.running():
        before = len(world.server.requests)
        for _ in range(20):
            world.resync.request()
            await asyncio.sleep(0.05)
        await asyncio.sleep(30)
        assert len(world.server.requests) - before == len(KINDS.watched.all)


async def test_a_failed_resync_keeps_the_cache_and_is_retried_soon(world: World) -> None:
    world.create_watched(RELAYS, "one")
    async with world.running():
        with world.server.faults.outage():
            world.resync.request()
            await asyncio.sleep(120)
            assert world.names(RELAYS) == ["one"]
            assert world.resync.overdue_seconds() == 0
        world.create_watched(RELAYS, "two")
        assert await seconds_until(lambda: world.names(RELAYS) == ["one", "two"], seconds=70) <= 61


async def test_a_stale_watch_ends_the_process(world: World) -> None:
    world.create_watched(RELAYS, "one")
    async with world.running() as task:
        world.server.edit(RELAYS, "n", "one", lambda item: item["metadata"].update(annotations={"a": "b"}))
        await seconds_until(task.done, seconds=2 * INTERVAL_SECONDS)
        with pytest.raises(StaleWatchError, match="the watch of relays has missed a change of n/one"):
            await task


async def test_a_kind_that_cannot_be_watched_is_listed_instead(world: World) -> None:
    async with world.running():
        world.namespaces.kinds.watch_failed(RELAYS, "404")
        world.resync.request()  # ends the current pause
        await asyncio.sleep(30)
        world.create(RELAYS, "one")
        assert await seconds_until(lambda: world.names(RELAYS) == ["one"], seconds=10) <= 5.1


async def test_a_namespace_without_rights_is_not_served_and_its_objects_stay_cached() -> None:
    world = World("n", "m")
    world.create_watched(RELAYS, "one")
    world.freshness.record(RELAYS, world.create(RELAYS, "two", "m"))
    async with world.running():
        with world.server.faults.refuse(403, "Forbidden", "no rights", namespace="m"):
            world.resync.request()
            await seconds_until(lambda: world.namespaces.served == ("n",), seconds=10)
            assert world.names(RELAYS) == ["one", "two"]
            await asyncio.sleep(60)
        assert await seconds_until(lambda: world.namespaces.served == ("n", "m"), seconds=130) > 0


async def test_a_forbidden_watch_is_checked_before_its_namespace_is_left_out() -> None:
    world = World("n", "m")
    async with world.running():
        world.resync.watch_forbidden("m")
        await asyncio.sleep(10)
        assert world.namespaces.served == ("n", "m"), "it may be watched after all"
        watches = [request for request in world.server.requests if "watch" in request.query]
        assert {request.namespace for request in watches} == {"m"}


async def test_a_slow_kind_delays_the_start_for_a_limited_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    send = world.server.send

    async def slow(method: str, path: str, **request: Any) -> Any:
        if path.endswith("/labelers"):
            await asyncio.sleep(600)
        return await send(method, path, **request)

    monkeypatch.setattr(world.server, "send", slow)
    world.create(RELAYS, "one")
    began = asyncio.get_running_loop().time()
    await world.resync.list_first()
    assert asyncio.get_running_loop().time() - began <= FIRST_LIST_TIMEOUT_SECONDS + 0.1
    assert world.added == [SourceKey("Relay", "n", "one")]
    assert "no answer within 15.0 s" in world.namespaces.kinds.problems[LABELERS]
