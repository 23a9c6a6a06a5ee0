"""Leader election in virtual time: never two leaders, and a new one soon after the old one ends."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import NoReturn

import pytest

from sluice_operator.kubernetes.api_resource import LEASES, Manifest
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.leader_election import LeaderElector
from sluice_operator.kubernetes.leader_lease import LeaseConfig
from sluice_operator.kubernetes.transport import Body, HttpResponse
from tests.fakes.api_server import FakeApiServer
from tests.fakes.virtual_time import VirtualClock

CONFIG = LeaseConfig(namespace="sluice", name="sluice-operator", duration_seconds=10)


class ProcessEnded(BaseException):
    """A real process would end here."""


class FakeDeadline:
    """A deadline that cancels the work instead of ending the process."""

    def __init__(self) -> None:
        self.message = ""
        self.ended_at = float("inf")
        self.work: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def extend_to(self, deadline: float) -> None:
        self.cancel()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._end, "The lease could not be renewed in time")

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def exit_now(self, message: str) -> NoReturn:
        self._end(message)
        raise asyncio.CancelledError

    def _end(self, message: str) -> None:
        self.message, self.ended_at = message, asyncio.get_running_loop().time()
        if self.work is not None:
            self.work.cancel()


class Connection:
    """A connection to the API server. Once it is cut, no request is sent."""

    def __init__(self, server: FakeApiServer) -> None:
        self.is_cut = False
        self._server = server

    async def send(
        self, method: str, path: str, *, query: Mapping[str, str], body: Body, content_type: str
    ) -> HttpResponse:
        if self.is_cut:
            await asyncio.Event().wait()
        return await self._server.send(method, path, query=query, body=body, content_type=content_type)


class Process:
    """A replica of the operator. Its work as a leader lasts until it is stopped."""

    def __init__(self, server: FakeApiServer, name: str) -> None:
        self.deadline = FakeDeadline()
        self.connection = Connection(server)
        self.elector = LeaderElector(
            client=KubernetesClient(self.connection),
            config=CONFIG,
            identity=name,
            clock=VirtualClock(),
            deadline=self.deadline,
        )
        self.leads_from = float("inf")
        self.led_until = float("inf")
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self.elector.run(self._work))

    async def _work(self) -> None:
        self.leads_from = asyncio.get_running_loop().time()
        self.deadline.work = asyncio.current_task()
        try:
            await self._stop.wait()
        finally:
            self.led_until = asyncio.get_running_loop().time()

    @property
    def leads(self) -> bool:
        return self.leads_from < float("inf") and self.led_until == float("inf")

    async def stop(self) -> None:
        self._stop.set()
        await self._task

    async def cancel(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


def spec(server: FakeApiServer) -> Manifest:
    lease = server.get(LEASES, CONFIG.namespace, CONFIG.name)
    assert lease is not None
    found: Manifest = lease["spec"]
    return found


def edit(server: FakeApiServer, **values: object) -> None:
    server.edit(LEASES, CONFIG.namespace, CONFIG.name, lambda lease: lease["spec"].update(values))


async def until(condition: Callable[[], bool], *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def start_pair(server: FakeApiServer) -> tuple[Process, Process]:
    leader = Process(server, "first")
    await until(lambda: leader.leads, seconds=1)
    standby = Process(server, "second")
    await until(lambda: standby.elector.is_standby, seconds=1)
    return leader, standby


async def test_a_replica_leads_for_as_long_as_it_renews(server: FakeApiServer) -> None:
    leader, standby = await start_pair(server)
    await asyncio.sleep(3600)
    assert (leader.leads, standby.leads) == (True, False)
    assert spec(server)["leaseTransitions"] == 0
    await leader.stop()
    await standby.cancel()


async def test_a_leader_that_stops_releases_the_lease_at_once(server: FakeApiServer) -> None:
    leader, standby = await start_pair(server)
    await leader.stop()
    assert not leader.elector.is_leader
    assert spec(server)["holderIdentity"] == ""
    await until(lambda: standby.leads, seconds=2.5)
    await standby.stop()


async def test_a_killed_leader_is_replaced_after_the_lease_duration(server: FakeApiServer) -> None:
    leader, standby = await start_pair(server)
    leader.connection.is_cut = True  # a killed process sends nothing
    began = asyncio.get_running_loop().time()
    await until(lambda: standby.leads, seconds=25)
    assert leader.led_until < standby.leads_from
    assert standby.leads_from - began >= CONFIG.duration_seconds - CONFIG.retry_period_seconds * 1.1
    await standby.stop()
    await leader.cancel()


@pytest.mark.parametrize("outage", ["no connection", "answers are lost", "500"])
async def test_a_leader_that_cannot_renew_ends_before_another_leads(server: FakeApiServer, outage: str) -> None:
    leader, standby = await start_pair(server)
    faults = {
        "no connection": server.faults.outage(),
        "answers are lost": server.faults.lose_answers(),
        "500": server.faults.refuse(500),
    }
    began = asyncio.get_running_loop().time()
    with faults[outage]:
        await until(lambda: not leader.leads, seconds=CONFIG.duration_seconds)
        assert leader.led_until - began <= CONFIG.renew_deadline_seconds
    await until(lambda: standby.leads, seconds=25)
    assert leader.led_until < standby.leads_from
    assert leader.deadline.message == "The lease could not be renewed in time"
    await standby.stop()
    await leader.cancel()


@pytest.mark.parametrize("seconds", [1.0, 3.0])
async def test_a_short_outage_does_not_change_the_leader(server: FakeApiServer, seconds: float) -> None:
    leader, standby = await start_pair(server)
    for _ in range(20):
        with server.faults.outage():
            await asyncio.sleep(seconds)
        await asyncio.sleep(10)
    assert (leader.leads, standby.leads) == (True, False)
    await leader.stop()
    await standby.cancel()


async def test_an_acquisition_whose_answer_was_lost_counts_once(server: FakeApiServer) -> None:
    with server.faults.lose_answers(method="POST", times=1):
        process = Process(server, "first")
        await until(lambda: process.leads, seconds=CONFIG.duration_seconds)
    assert spec(server)["leaseTransitions"] <= 1
    await process.stop()


@pytest.mark.parametrize("holder", ["", "somebody"])
async def test_a_leader_whose_lease_is_edited_by_hand_ends_at_its_next_renewal(
    server: FakeApiServer, holder: str
) -> None:
    leader, standby = await start_pair(server)
    edit(server, holderIdentity=holder)
    await until(lambda: not leader.leads, seconds=CONFIG.retry_period_seconds + 0.1)
    assert leader.deadline.message == f"The lease is lost: {holder or 'nobody'} holds it now"
    await until(lambda: standby.leads, seconds=25)
    assert leader.led_until < standby.leads_from
    await standby.stop()
    await leader.cancel()


async def test_an_annotation_on_the_lease_does_not_change_the_leader(server: FakeApiServer) -> None:
    leader, standby = await start_pair(server)
    for _ in range(10):
        server.edit(
            LEASES,
            CONFIG.namespace,
            CONFIG.name,
            lambda lease: lease["metadata"].update(annotations={"at": str(asyncio.get_running_loop().time())}),
        )
        await asyncio.sleep(3)
    assert (leader.leads, standby.leads) == (True, False)
    await leader.stop()
    await standby.cancel()


async def test_the_lease_is_released_after_the_work_has_failed(server: FakeApiServer) -> None:
    elector = LeaderElector(
        client=server.client, config=CONFIG, identity="first", clock=VirtualClock(), deadline=FakeDeadline()
    )
    held_at_end: list[str] = []

    async def fail() -> None:
        try:
            raise ValueError("broken")
        finally:
            await asyncio.sleep(1)
            held_at_end.append(spec(server)["holderIdentity"])

    with pytest.raises(ValueError, match="broken"):
        await elector.run(fail)
    assert (held_at_end, spec(server)["holderIdentity"]) == (["first"], "")


async def test_of_many_replicas_one_leads_at_a_time(server: FakeApiServer) -> None:
    leaders: list[int] = []
    working = 0

    async def work() -> None:
        nonlocal working
        working += 1
        leaders.append(working)
        await asyncio.sleep(0.2)
        working -= 1

    def run(name: str) -> Awaitable[None]:
        elector = LeaderElector(
            client=server.client, config=CONFIG, identity=name, clock=VirtualClock(), deadline=FakeDeadline()
        )
        return elector.run(work)

    await asyncio.gather(*(run(str(number)) for number in range(5)))
    assert leaders == [1] * 5
    assert spec(server)["leaseTransitions"] == 4


async def test_a_replica_stopped_while_it_acquires_the_lease_releases_it(server: FakeApiServer) -> None:
    process = Process(server, "first")
    await asyncio.sleep(0)
    while not server.writes:
        await asyncio.sleep(0)
    await process.cancel()
    assert spec(server)["holderIdentity"] == ""
