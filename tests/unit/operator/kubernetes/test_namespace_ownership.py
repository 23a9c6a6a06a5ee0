"""The Leases of namespaces: two releases never write in one namespace at the same time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_operator.kubernetes.api_resource import LEASES, Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.leader_lease import ObservedLease, acquired, released
from sluice_operator.kubernetes.namespace_lease import (
    DURATION_SECONDS,
    LEASE_NAME,
    RELEASE_GRACE_SECONDS,
    RENEW_SECONDS,
    WRITE_DEADLINE_SECONDS,
    belongs_to,
    instance_of,
    is_held_by,
    lease_config,
    seconds_until_free,
    with_instance,
)
from sluice_operator.kubernetes.namespace_ownership import NamespaceOwnership
from tests.fakes.api_server import FakeApiServer
from tests.fakes.clock import START
from tests.fakes.virtual_time import VirtualClock, run_in_virtual_time

NAMESPACE = "apps"


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


class Release:
    """One process of a release. The test runs each of its steps."""

    def __init__(self, server: FakeApiServer, name: str, instance: str = "1") -> None:
        self.resources = True
        self.acquired = 0
        self.ownership = NamespaceOwnership(
            client=server.client,
            release=name,
            instance=instance,
            has_resources=lambda _: self.resources,
            is_served=lambda _: True,
            on_acquired=self._count,
            clock=VirtualClock(),
        )
        self._holder = self.ownership._holder(NAMESPACE)

    def _count(self, _: str) -> None:
        self.acquired += 1

    async def step(self) -> float:
        return await self._holder.step()

    @property
    def holds(self) -> bool:
        return self.ownership.holds(NAMESPACE)


def lease(server: FakeApiServer) -> Manifest | None:
    return server.get(LEASES, NAMESPACE, LEASE_NAME)


@pytest.fixture
def pair(server: FakeApiServer) -> tuple[Release, Release]:
    return Release(server, "a/sluice"), Release(server, "b/sluice")


async def test_one_release_holds_the_namespace_and_the_other_names_it(pair: tuple[Release, Release]) -> None:
    first, second = pair
    assert await first.step() == RENEW_SECONDS
    assert await second.step() <= 5
    assert (first.holds, second.holds, first.acquired) == (True, False, 1)
    assert "served by another release, a/sluice" in second.ownership.problems[NAMESPACE]
    assert second.ownership.is_unavailable(NAMESPACE)
    first.ownership.check_held(NAMESPACE)
    with pytest.raises(ApiError, match="is not held, so nothing is written"):
        second.ownership.check_held(NAMESPACE)
    for _ in range(20):
        await asyncio.sleep(RENEW_SECONDS)
        await first.step()
        await second.step()
        assert (first.holds, second.holds) == (True, False)


async def test_an_expired_lease_is_acquired_after_its_duration(pair: tuple[Release, Release]) -> None:
    first, second = pair
    await first.step()
    await second.step()
    await asyncio.sleep(WRITE_DEADLINE_SECONDS)
    assert not first.holds
    await second.step()
    assert not second.holds
    await asyncio.sleep(DURATION_SECONDS - WRITE_DEADLINE_SECONDS)
    await second.step()
    assert second.holds
    await first.step()
    assert not first.holds


async def test_a_released_lease_is_reserved_for_its_own_release_for_some_seconds(
    pair: tuple[Release, Release], server: FakeApiServer
) -> None:
    first, second = pair
    await first.step()
    await second.step()
    await first.ownership.release_all()
    left = lease(server)
    assert left is not None
    assert left["spec"]["holderIdentity"] == ""
    await second.step()
    assert not second.holds
    third = Release(server, "a/sluice", "2")
    await third.step()
    assert third.holds
    await third.ownership.release_all()
    for _ in range(2):
        await second.step()
        await asyncio.sleep(RELEASE_GRACE_SECONDS)
    await second.step()
    assert second.holds


async def test_another_process_of_the_same_release_takes_over(server: FakeApiServer) -> None:
    first, other = Release(server, "a/sluice", "1"), Release(server, "a/sluice", "2")
    await first.step()
    await other.step()
    assert other.holds
    await asyncio.sleep(RENEW_SECONDS)
    await first.step()
    assert not first.holds
    for _ in range(10):
        await asyncio.sleep(RENEW_SECONDS)
        await other.step()
        await first.step()
        assert (first.holds, other.holds) == (False, True)


@pytest.mark.parametrize("resources", [True, False])
async def test_on_shutdown_the_lease_is_released_or_deleted(server: FakeApiServer, *, resources: bool) -> None:
    first = Release(server, "a/sluice")
    await first.step()
    first.resources = resources
    await first.ownership.release_all()
    assert not first.holds
    assert (lease(server) is not None) == resources


async def test_a_lease_whose_renewal_lost_its_answer_is_released(server: FakeApiServer) -> None:
    first = Release(server, "a/sluice")
    await first.step()
    with server.faults.lose_answers(method="PUT"):
        await first.step()
    await first.ownership.release_all()
    left = lease(server)
    assert left is not None
    assert left["spec"]["holderIdentity"] == ""


async def test_a_terminating_namespace_is_served_without_a_lease(server: FakeApiServer) -> None:
    first = Release(server, "a/sluice")
    await first.step()
    server.terminating.add(NAMESPACE)
    server.delete(LEASES, NAMESPACE, LEASE_NAME)
    for _ in range(10):
        await asyncio.sleep(RENEW_SECONDS)
        await first.step()
        assert first.holds
    late = Release(server, "a/sluice", "2")
    await late.step()
    assert late.holds
    assert late.ownership.problems == {}


async def test_without_rights_the_namespace_is_not_held_and_that_is_logged_once(
    server: FakeApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    first = Release(server, "a/sluice")
    with server.faults.refuse(403, "Forbidden", 'cannot get resource "leases"'):
        for _ in range(10):
            await asyncio.sleep(await first.step())
        assert not first.holds
        assert len(caplog.records) == 1
        assert "is not served until the operator may get, create, update and delete the Lease" in caplog.text
    await first.step()
    assert first.holds
    assert first.ownership.problems == {}


async def test_during_an_outage_the_lease_expires_and_no_problem_is_reported(
    server: FakeApiServer,
) -> None:
    first = Release(server, "a/sluice")
    await first.step()
    began = VirtualClock().monotonic()
    with server.faults.outage():
        while first.holds:
            await asyncio.sleep(await first.step())
        assert VirtualClock().monotonic() - began <= WRITE_DEADLINE_SECONDS + 5
        assert first.ownership.problems == {}
    await first.step()
    assert (first.holds, first.acquired) == (True, 2)


def edit(server: FakeApiServer, change: Callable[[Manifest], None]) -> None:
    if lease(server) is not None:
        server.edit(LEASES, NAMESPACE, LEASE_NAME, change)


def remove_holder(server: FakeApiServer) -> None:
    edit(server, lambda found: found["spec"].update(holderIdentity=""))


def replace_holder(server: FakeApiServer) -> None:
    edit(server, lambda found: found["spec"].update(holderIdentity="somebody"))


def shorten(server: FakeApiServer) -> None:
    edit(server, lambda found: found["spec"].update(leaseDurationSeconds=2))


def annotate(server: FakeApiServer) -> None:
    edit(server, lambda found: found["metadata"].setdefault("annotations", {}).update(somebody="me"))


def delete(server: FakeApiServer) -> None:
    if lease(server) is not None:
        server.delete(LEASES, NAMESPACE, LEASE_NAME)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(0.1, 30),
            st.sampled_from(["first", "second", "outage", "recovery"]),
            st.sampled_from([remove_holder, replace_holder, shorten, annotate, delete]),
        ),
        max_size=60,
    )
)
def test_two_releases_never_hold_a_namespace_at_the_same_time(
    steps: list[float | str | Callable[[FakeApiServer], None]],
) -> None:
    """People may edit or delete the Lease at any time, and each process may stop at any time."""

    async def run_steps() -> None:
        server = FakeApiServer()
        first, second = Release(server, "a/sluice"), Release(server, "b/sluice")
        await first.step()
        await second.step()
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif step == "first":
                await first.step()
            elif step == "second":
                await second.step()
            elif step in {"outage", "recovery"}:
                server.faults.is_away = step == "outage"
            elif not isinstance(step, str):
                step(server)
            assert not (first.holds and second.holds), steps

    run_in_virtual_time(run_steps())


def test_who_holds_a_lease_and_for_how_long_others_wait() -> None:
    config = lease_config("n")
    mine = with_instance(acquired(None, config, identity="a/sluice", at=START), instance="a/sluice_1")
    assert mine["metadata"]["name"] == LEASE_NAME
    assert instance_of(mine) == "a/sluice_1"
    assert is_held_by(mine, instance="a/sluice_1", release="a/sluice")
    assert not is_held_by(mine, instance="a/sluice_2", release="a/sluice")
    assert belongs_to(mine, release="a/sluice")
    free = released(mine, config, at=START)
    assert belongs_to(free, release="a/sluice")
    assert not belongs_to(free, release="b/sluice")

    def wait(found: Any, now: float, release: str) -> float:
        return seconds_until_free(ObservedLease(lease=found, since=0.0), now, release=release)

    assert wait(free, 0.0, "b/sluice") == RELEASE_GRACE_SECONDS
    assert wait(free, 0.0, "a/sluice") == 0
    assert wait(mine, 0.0, "b/sluice") == DURATION_SECONDS
    assert wait(mine, DURATION_SECONDS, "b/sluice") == 0
    assert wait(None, 0.0, "b/sluice") == 0
    # Somebody removed the holder. The holder may not know it yet.
    emptied = {**mine, "spec": {**mine["spec"], "holderIdentity": ""}}
    assert wait(emptied, 0.0, "b/sluice") == DURATION_SECONDS
