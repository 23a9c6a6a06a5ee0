"""Secrets and ConfigMaps are read once for all sources, again at an interval, and at a limited rate."""

from collections.abc import Callable

import pytest

from sluice_operator.kubernetes.api_resource import CONFIG_MAPS, SECRETS, ApiResource, Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.object_poller import MAX_READS_PER_SECOND, ObjectPoller
from sluice_operator.kubernetes.protocols import get_if_allowed
from sluice_operator.kubernetes.source_key import SourceKey
from tests.fakes.api_server import FakeApiServer
from tests.fakes.stepped_clock import SteppedClock

ONE, OTHER = SourceKey("Relay", "n", "one"), SourceKey("Labeler", "n", "other")
INTERVAL = 3.0


class World:
    """A poller and its API server."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.server = FakeApiServer()
        self.unserved: set[str] = set()
        self.read_seconds = 0.0
        self.on_read: Callable[[], None] = lambda: None
        """Called while an object is read."""
        self.poller = ObjectPoller(
            self,
            interval_seconds=INTERVAL,
            is_served=lambda namespace: namespace not in self.unserved,
            clock=self.clock,
        )

    async def get(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """Read an object as the client does."""
        self.clock.advance(self.read_seconds)
        self.on_read()
        return await self.server.client.get(api, namespace, name)

    def put(self, name: str, **data: str) -> Manifest:
        return self.server.edit(SECRETS, "n", name, lambda secret: secret.update(data=data))

    async def known(self, name: str, *, key: SourceKey = ONE) -> Manifest | None:
        return await self.poller.reader(key).get(SECRETS, "n", name)

    async def poll(self, *, seconds: float = INTERVAL) -> list[SourceKey]:
        """The sources whose objects have changed, after so many seconds."""
        added: list[SourceKey] = []
        self.server.requests.clear()
        self.clock.advance(seconds)
        await self.poller.poll(added.append)
        return added

    @property
    def reads(self) -> list[str]:
        return [request.name for request in self.server.requests]


@pytest.fixture
def world() -> World:
    return World()


async def test_an_object_is_read_once_for_all_sources(world: World) -> None:
    world.put("url", url="a")
    for key in (ONE, OTHER, ONE):
        found = await world.known("url", key=key)
        assert found is not None
        assert found["data"] == {"url": "a"}
        assert "managedFields" not in found["metadata"]
    assert world.reads == ["url"]


async def test_each_source_that_has_read_an_object_is_added_when_it_changes(world: World) -> None:
    world.put("url", url="a")
    await world.known("url", key=ONE)
    await world.known("url", key=OTHER)
    assert await world.poll() == []
    world.put("url", url="b")
    assert set(await world.poll()) == {ONE, OTHER}
    found = await world.known("url")
    assert found is not None
    assert found["data"] == {"url": "b"}
    assert await world.poll() == []


async def test_an_object_that_appears_or_disappears_has_changed(world: World) -> None:
    assert await world.known("url") is None
    world.put("url", url="a")
    assert await world.poll() == [ONE]
    world.server.delete(SECRETS, "n", "url")
    assert await world.poll() == [ONE]
    assert await world.known("url") is None


async def test_it_is_not_read_before_the_interval_is_over(world: World) -> None:
    await world.known("url")
    assert (await world.poll(seconds=INTERVAL - 1), world.reads) == ([], [])
    assert (await world.poll(seconds=1), world.reads) == ([], ["url"])


async def test_it_is_read_in_each_round_although_a_read_takes_time(world: World) -> None:
    await world.known("url")
    world.read_seconds = 0.05
    await world.poll()
    for _ in range(3):
        await world.poll(seconds=INTERVAL - 0.05)
        assert world.reads == ["url"]


async def test_an_object_whose_last_source_goes_while_it_is_read_is_dropped(world: World) -> None:
    await world.known("url")
    world.on_read = lambda: world.poller.drop_source(ONE)
    await world.poll()
    await world.poll()
    assert world.reads == []


async def test_the_rate_of_reads_is_limited_and_the_oldest_come_first(world: World) -> None:
    per_round = int(INTERVAL * MAX_READS_PER_SECOND)
    names = [f"s{number:03}" for number in range(per_round + 10)]
    for name in names:
        await world.known(name)
        world.clock.advance(0.001)
    await world.poll()
    assert sorted(world.reads) == names[:per_round]
    await world.poll()
    assert set(names[per_round:]) < set(world.reads)
    assert len(world.reads) == per_round


async def test_after_an_error_it_is_read_again_at_once(world: World) -> None:
    world.put("url", url="a")
    with world.server.faults.refuse(503, plural="secrets"), pytest.raises(ApiError):
        await world.known("url")
    assert await world.known("url") is not None


async def test_an_error_that_begins_or_ends_is_a_change(world: World) -> None:
    world.put("url", url="a")
    await world.known("url")
    with world.server.faults.refuse(503, plural="secrets"):
        assert await world.poll() == [ONE]
        assert await world.poll() == []
    assert await world.poll() == [ONE]


async def test_an_object_that_may_not_be_read_counts_as_missing_if_that_is_asked_for(world: World) -> None:
    with world.server.faults.refuse(403, "Forbidden", "no right", plural="configmaps"):
        assert await get_if_allowed(world.poller.reader(ONE), CONFIG_MAPS, "n", "ca") is None
        with pytest.raises(ApiError):
            await world.poller.reader(ONE).get(CONFIG_MAPS, "n", "ca")


async def test_what_the_operator_has_written_is_no_change(world: World) -> None:
    world.put("url", url="a")
    await world.known("url")
    world.poller.put(SECRETS, world.put("url", url="b"))
    found = await world.known("url")
    assert found is not None
    assert found["data"] == {"url": "b"}
    assert await world.poll() == []


async def test_an_expired_object_is_read_at_the_next_reconcile_of_its_source(world: World) -> None:
    world.put("url", url="a")
    await world.known("url")
    world.put("url", url="b")
    world.poller.expire(OTHER)
    assert (await world.known("url") or {})["data"] == {"url": "a"}
    world.poller.expire(ONE)
    assert (await world.known("url") or {})["data"] == {"url": "b"}


async def test_objects_that_nobody_needs_are_not_read(world: World) -> None:
    await world.known("one", key=ONE)
    await world.known("other", key=OTHER)
    world.poller.drop_source(ONE)
    await world.poll()
    assert world.reads == ["other"]


async def test_an_object_that_a_reconcile_has_not_asked_for_is_not_read_any_more(world: World) -> None:
    for name in ("one", "two"):
        await world.known(name)
    world.poller.reconciled(ONE)
    await world.known("two")
    world.poller.reconciled(ONE)
    await world.poll()
    assert world.reads == ["two"]
    world.poller.reconciled(ONE)
    await world.poll()
    assert world.reads == []


async def test_a_pause_that_the_api_server_asks_for_is_passed_on(world: World) -> None:
    await world.known("url")
    pauses: list[float] = []
    world.clock.advance(INTERVAL)
    with world.server.faults.refuse(429, retry_after=17, plural="secrets"):
        await world.poller.poll(lambda _: None, pause=pauses.append)
    assert pauses == [17]


async def test_nothing_is_read_in_a_namespace_that_is_not_served(world: World) -> None:
    await world.known("url")
    world.unserved.add("n")
    await world.poll()
    assert world.reads == []
    world.unserved.clear()
    await world.poll()
    assert world.reads == ["url"]
