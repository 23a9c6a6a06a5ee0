"""What the operator relies on in kopf: it watches each kind, delivers each event, and writes nothing."""

import asyncio
import os
import signal
from functools import partial

import kopf
import pytest

from sluice_operator.kubernetes.api_resource import ApiResource, ObjectList
from sluice_operator.kubernetes.client import PAGE_SIZE
from sluice_operator.kubernetes.informers.informers import _kopf_settings
from tests.fakes.watched_api_server import CRDS, NAMESPACES, PEERINGS
from tests.unit.operator.kubernetes.informers.watching import (
    NAMESPACE,
    WATCHED,
    Watching,
    child,
    expected_watches,
    item,
    key_of,
    names,
    source,
    until,
    watching,
)

KIND, RELAYS = next(iter(WATCHED.sources.items()))
SOURCES = WATCHED.sources.values()
PLURALS = tuple(f"/{api.plural}" for api in WATCHED.all)


def plural(api: ApiResource) -> str:
    return api.plural


def is_gone(one: Watching, api: ApiResource, name: str) -> bool:
    return name not in names(one.cache, api)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize("scopes", [(), (NAMESPACE, "other")], ids=["cluster", "namespaces"])
async def test_each_kind_is_listed_and_watched_with_its_selector(scopes: tuple[str, ...]) -> None:
    async with watching(*scopes) as one:
        expected = sorted(expected_watches(one.namespaces))
        for is_watch in (False, True):
            asked = [request for request in one.server.requests if request.is_watch is is_watch]
            found = [(request.path, request.selector) for request in asked]
            assert sorted(pair for pair in found if pair[0].endswith(PLURALS)) == expected
        assert one.relists == len(expected)


async def test_kopf_lists_in_pages() -> None:
    """By default it has all objects of a kind in memory at once."""
    async with watching() as one:
        lists = [request for request in one.server.requests if request.path.endswith(PLURALS) and not request.is_watch]
        assert {request.limit for request in lists} == {str(PAGE_SIZE)}


@pytest.mark.parametrize("kind", WATCHED.sources)
async def test_each_event_of_a_source_reaches_the_cache_and_the_queue(kind: str) -> None:
    api = WATCHED.sources[kind]
    async with watching() as one:
        for change in (source(), source(generation=2)):
            stored = one.server.put(api, change)
            await until(lambda: len(one.added) > 0)
            assert (one.cache.all(api), one.added) == ([stored], [key_of(kind)])
            one.freshness.compare(api, ObjectList(items=[stored], resource_version=""))
            assert not one.freshness.is_behind
            one.added.clear()
        one.server.delete(api, stored)
        await until(lambda: one.added == [key_of(kind)])
        assert one.cache.all(api) == []


@pytest.mark.parametrize("kind", WATCHED.sources)
@pytest.mark.parametrize("api", WATCHED.children, ids=plural)
async def test_each_event_of_a_child_reaches_the_cache_and_the_queue_of_its_source(api: ApiResource, kind: str) -> None:
    async with watching() as one:
        one.server.put(WATCHED.sources[kind], source())
        await until(lambda: one.added == [key_of(kind)])
        for _ in range(2):
            one.added.clear()
            stored = one.server.put(api, child(of=kind))
            await until(lambda: key_of(kind) in one.added)
            assert one.cache.all(api) == [stored]
        one.added.clear()
        one.server.delete(api, stored)
        await until(lambda: key_of(kind) in one.added)
        assert one.cache.all(api) == []


async def test_objects_that_exist_before_the_watch_are_delivered() -> None:
    async with watching(existing={api: source() for api in WATCHED.all}) as one:
        await until(lambda: all(names(one.cache, api) == ["us-east"] for api in WATCHED.all))
        assert set(one.added) == set(map(key_of, WATCHED.sources))


@pytest.mark.parametrize("api", WATCHED.all, ids=plural)
async def test_a_new_list_of_kopf_is_reported(api: ApiResource) -> None:
    """A deletion that the watch has missed is not delivered: the resync that is requested then finds it."""
    async with watching() as one:
        missed = await one.deliver(api, item("missed"))
        one.server.delete(api, missed, is_noticed=False)
        relists = one.relists
        one.server.expire(api)
        await until(lambda: one.relists > relists)
        await one.deliver(api, item("next"))
        assert "missed" in names(one.cache, api)


async def test_kopf_only_reads() -> None:
    """No annotation, no finalizer, no result, no Event: not for a new, a changed, a deleted or a terminating object."""
    async with watching() as one:
        one.on_add = partial(kopf.info, {**source(), "apiVersion": "v1", "kind": KIND}, reason="R", message="by kopf")
        for api in WATCHED.all:
            leaving = item("leaving", deletionTimestamp="2026-11-24T12:00:00Z", finalizers=["sluice.dev/x"])
            # kopf handles the next event of an object when it has written what it would after the one before.
            for change in (child(of=KIND), leaving, item("us-east-1", annotations={"changed": "yes"}), leaving):
                await one.deliver(api, change)
            one.server.delete(api, leaving)
            await until(partial(is_gone, one, api, "leaving"))
            await one.deliver(api, item("us-east-1"))
        await one.end()
        assert len(one.added) > len(SOURCES)
        assert {request.method for request in one.server.requests} == {"GET"}


def test_kopf_knows_each_setting() -> None:
    """Python lets a setting be set that kopf has renamed or removed, and kopf would use its default."""
    ours, defaults = _kopf_settings(WATCHED), kopf.OperatorSettings()
    assert vars(ours).keys() == vars(defaults).keys()
    for group, of_defaults in vars(defaults).items():
        assert vars(getattr(ours, group)).keys() == vars(of_defaults).keys()


async def test_kopf_needs_no_rights_to_namespaces_crds_and_peerings() -> None:
    async with watching() as one:
        others = [api.path(scope) for api in (NAMESPACES, CRDS, *PEERINGS) for scope in (None, NAMESPACE)]
        assert [request for request in one.server.requests if request.path in others] == []


async def test_the_watches_follow_the_namespaces_that_are_served() -> None:
    async with watching(NAMESPACE, "other") as one:
        everywhere = one.server.watches
        one.namespaces.record_refusals({"other": "forbidden"})
        await until(lambda: one.server.watches == {pair for pair in everywhere if "/other/" not in pair[0]})
        one.namespaces.record_refusals({})
        await until(lambda: one.server.watches == everywhere)
        await one.deliver(RELAYS, source())


@pytest.mark.parametrize("api", SOURCES, ids=plural)
async def test_the_end_of_one_kind_leaves_the_other_watches(api: ApiResource) -> None:
    """The watch starts again when its kind is there again."""
    async with watching() as one:
        everything, asked = one.server.watches, len(one.server.requests)
        one.server.remove_kind(api)
        await until(lambda: not one.namespaces.kinds.is_watched(api))
        assert one.server.watches == {pair for pair in everything if not pair[0].endswith(api.plural)}
        one.server.add_kind(api)
        await until(lambda: one.server.watches == everything)
        again = {request.path for request in one.server.requests[asked:] if request.is_watch}
        assert again == {api.path(None)}
        assert not one.task.done()


async def test_the_end_of_the_watches_leaves_other_tasks() -> None:
    async with watching() as one:
        other = asyncio.create_task(asyncio.sleep(3600))
        await one.end()
        await until(lambda: not one.server.watches)
        assert not other.done()
        other.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_stop_the_operator_and_not_kopf(number: signal.Signals) -> None:
    async with watching() as one:
        os.kill(os.getpid(), number)
        await until(one.stop.is_set)
        await one.deliver(RELAYS, source())
