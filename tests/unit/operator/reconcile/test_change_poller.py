"""The rounds of the change poller."""

import asyncio
from collections.abc import Callable

from sluice_operator.kubernetes.api_resource import SECRETS
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.change_poller import ChangePoller
from tests.fakes.api_server import FakeApiServer
from tests.fakes.redis import FakeRedis
from tests.fakes.virtual_time import VirtualClock

KEY = SourceKey("Relay", "n", "one")
INTERVAL = 2.0


class World:
    """A change poller in virtual time."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.server = FakeApiServer()
        self.objects = ObjectPoller(self.server.client, interval_seconds=INTERVAL, clock=self.clock)
        self.added: list[SourceKey] = []
        self.rounds = 0
        self.is_paused = False
        self.poller = ChangePoller(
            redis=FakeRedis(self.clock),
            objects=self.objects,
            add=self.added.append,
            add_after=lambda _key, _seconds: None,
            pause=lambda _: None,
            is_paused=lambda: self.is_paused,
            interval_seconds=INTERVAL,
            on_round=self._count,
            clock=self.clock,
        )

    def _count(self) -> None:
        self.rounds += 1

    async def run_until(self, condition: Callable[[], bool]) -> None:
        task = asyncio.create_task(self.poller.run())
        while not condition():
            await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_changed_object_adds_its_source_in_the_next_round() -> None:
    world = World()
    await world.objects.reader(KEY).get(SECRETS, "n", "url")
    world.server.edit(SECRETS, "n", "url", lambda secret: secret.update(data={}))
    await world.run_until(lambda: bool(world.added))
    assert world.rounds <= 2


async def test_while_the_api_server_asks_to_wait_it_is_not_asked() -> None:
    world = World()
    await world.objects.reader(KEY).get(SECRETS, "n", "url")
    world.server.requests.clear()
    world.is_paused = True
    await world.run_until(lambda: world.rounds >= 3)
    assert world.server.requests == []
