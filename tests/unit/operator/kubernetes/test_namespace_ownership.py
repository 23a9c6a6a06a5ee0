"""The Leases of namespaces: whatever happens to them, two releases never write in one namespace at the same time.

The clock is the test's, and so is the API server.
"""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_operator.kubernetes import namespace_ownership as tenancy_module
from sluice_operator.kubernetes.client import ApiError, ApiResource, Manifest
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
from tests.unit.operator.status.given import NOW

NAMESPACE = "apps"


class FakeServer:
    """The API server, as far as one Lease goes."""

    def __init__(self) -> None:
        self.lease: Manifest | None = None
        self.version = 0
        self.error: ApiError | None = None

    async def get(self, _api: ApiResource, _namespace: str, _name: str) -> Manifest | None:
        self._answer()
        return deepcopy(self.lease)

    async def create(self, _api: ApiResource, lease: Manifest) -> Manifest:
        self._answer()
        if self.lease is not None:
            raise ApiError(409, "AlreadyExists", "it is there")
        return self.put({**lease, "metadata": {**lease["metadata"], "uid": f"u{self.version}"}})

    async def replace(self, _api: ApiResource, lease: Manifest) -> Manifest:
        self._answer()
        if self.lease is None:
            raise ApiError(404, "NotFound", "it is gone")
        if lease["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "it has changed")
        return self.put(lease)

    async def delete(self, _api: ApiResource, _namespace: str, _name: str, *, uid: str) -> bool:
        self._answer()
        was_there = self.lease is not None and self.lease["metadata"]["uid"] == uid
        self.lease = None if was_there else self.lease
        return was_there

    def put(self, lease: Manifest) -> Manifest:
        self.version += 1
        self.lease = {**deepcopy(lease)}
        self.lease["metadata"] = {**self.lease["metadata"], "resourceVersion": str(self.version)}
        return deepcopy(self.lease)

    def edit(self, **spec: Any) -> None:
        if self.lease is not None:
            self.put({**self.lease, "spec": {**self.lease["spec"], **spec}})

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tenancy_module, "time", clock)
    return clock


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


class Release:
    """One process of a release, whose attempts are made by hand."""

    def __init__(self, server: FakeServer, name: str, instance: str = "1") -> None:
        self.resources = True
        self.began = 0
        self.ownership = NamespaceOwnership(
            client=server,  # type: ignore[arg-type]
            release=name,
            instance=instance,
            has_resources=lambda _: self.resources,
            is_served=lambda _: True,
            on_acquired=self._begin,
        )
        self.state = self.ownership._namespaces.setdefault(NAMESPACE, tenancy_module._NamespaceState())

    def _begin(self, _: str) -> None:
        self.began += 1

    async def attempt(self) -> float:
        was_held = self.state.is_held
        pause = await self.ownership._acquire_or_renew(NAMESPACE, self.state)
        if self.state.is_held and not was_held:
            self.ownership._start_serving(NAMESPACE, self.state)
        return pause

    @property
    def holds(self) -> bool:
        return self.ownership.holds(NAMESPACE)


@pytest.fixture
def pair(server: FakeServer, clock: Clock) -> tuple[Release, Release]:
    assert clock.now
    return Release(server, "a/sluice"), Release(server, "b/sluice")


async def test_one_holds_it_and_the_other_says_whose_it_is(pair: tuple[Release, Release], clock: Clock) -> None:
    first, second = pair
    assert await first.attempt() == RENEW_SECONDS
    assert await second.attempt() <= 5
    assert (first.holds, second.holds, first.began) == (True, False, 1)
    assert "served by another release, a/sluice" in second.ownership.problems[NAMESPACE]
    assert second.ownership.is_unavailable(NAMESPACE)
    first.ownership.check_held(NAMESPACE)
    with pytest.raises(ApiError, match="is not held, so nothing is written"):
        second.ownership.check_held(NAMESPACE)
    for _ in range(20):
        clock.now += RENEW_SECONDS
        await first.attempt()
        await second.attempt()
        assert (first.holds, second.holds) == (True, False)


async def test_a_void_one_is_taken_after_a_minute_and_not_before(pair: tuple[Release, Release], clock: Clock) -> None:
    first, second = pair
    await first.attempt()
    await second.attempt()
    clock.now += WRITE_DEADLINE_SECONDS
    assert not first.holds
    await second.attempt()
    assert not second.holds
    clock.now += DURATION_SECONDS - WRITE_DEADLINE_SECONDS
    await second.attempt()
    assert second.holds
    await first.attempt()
    assert not first.holds


async def test_a_freed_one_is_left_to_its_own_release_for_a_moment(
    pair: tuple[Release, Release], server: FakeServer, clock: Clock
) -> None:
    first, second = pair
    await first.attempt()
    await second.attempt()
    await first.ownership.release_all()
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == ""
    await second.attempt()
    assert not second.holds
    third = Release(server, "a/sluice", "2")
    await third.attempt()
    assert third.holds
    await third.ownership.release_all()
    for _ in range(2):
        await second.attempt()
        clock.now += RELEASE_GRACE_SECONDS
    await second.attempt()
    assert second.holds


async def test_another_process_of_the_same_release_goes_on_and_the_first_one_notices(
    server: FakeServer, clock: Clock
) -> None:
    first, other = Release(server, "a/sluice", "1"), Release(server, "a/sluice", "2")
    await first.attempt()
    await other.attempt()
    assert other.holds
    clock.now += RENEW_SECONDS
    await first.attempt()
    assert not first.holds
    for _ in range(10):
        clock.now += RENEW_SECONDS
        await other.attempt()
        await first.attempt()
        assert (first.holds, other.holds) == (False, True)


@pytest.mark.parametrize("resources", [True, False])
async def test_in_the_end_it_is_freed_or_deleted(server: FakeServer, clock: Clock, *, resources: bool) -> None:
    assert clock.now
    first = Release(server, "a/sluice")
    await first.attempt()
    first.resources = resources
    await first.ownership.release_all()
    assert not first.holds
    assert (server.lease is not None) == resources


async def test_a_namespace_that_is_being_deleted_takes_no_lease_and_is_served(server: FakeServer, clock: Clock) -> None:
    first = Release(server, "a/sluice")
    await first.attempt()
    server.lease = None

    async def refuse(*_: object) -> Manifest:
        raise ApiError(
            403,
            "Forbidden",
            "unable to create new content in namespace apps because it is being terminated",
        )

    server.create = refuse  # type: ignore[method-assign]
    for _ in range(10):
        clock.now += RENEW_SECONDS
        await first.attempt()
        assert first.holds
    late = Release(server, "a/sluice", "2")
    await late.attempt()
    assert late.holds
    assert late.ownership.problems == {}


async def test_without_the_rights_nothing_is_written_and_that_is_told_once(
    server: FakeServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first = Release(server, "a/sluice")
    server.error = ApiError(403, "Forbidden", 'cannot get resource "leases"')
    for _ in range(10):
        clock.now += await first.attempt()
    assert not first.holds
    assert len(caplog.records) == 1
    assert "is not served until the operator may get, create, update and delete the Lease" in caplog.text
    server.error = None
    await first.attempt()
    assert first.holds
    assert first.ownership.problems == {}


async def test_an_api_server_that_is_away_is_nobodys_taking(server: FakeServer, clock: Clock) -> None:
    first = Release(server, "a/sluice")
    await first.attempt()
    server.error = ApiError(0, "ClientError", "away")
    while first.holds:
        clock.now += await first.attempt()
    assert clock.now - 1000 <= WRITE_DEADLINE_SECONDS + 5
    assert first.ownership.problems == {}
    server.error = None
    await first.attempt()
    assert (first.holds, first.began) == (True, 2)


def empty(server: FakeServer) -> None:
    server.edit(holderIdentity="")


def another(server: FakeServer) -> None:
    server.edit(holderIdentity="somebody")


def shorter(server: FakeServer) -> None:
    server.edit(leaseDurationSeconds=2)


def annotate(server: FakeServer) -> None:
    if server.lease is not None:
        metadata = server.lease["metadata"]
        annotations = {**metadata.get("annotations", {}), "somebody": "me"}
        server.put({**server.lease, "metadata": {**metadata, "annotations": annotations}})


def delete(server: FakeServer) -> None:
    server.lease = None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(0.1, 30),
            st.sampled_from(["first", "second", "away", "back"]),
            st.sampled_from([empty, another, shorter, annotate, delete]),
        ),
        max_size=60,
    )
)
def test_never_two_at_a_time(steps: list[float | str | Callable[[FakeServer], None]]) -> None:
    """Whatever people do to the Lease once both have seen it, whoever is stopped, and whenever."""

    async def play() -> None:
        server, clock = FakeServer(), Clock()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tenancy_module, "time", clock)
            first, second = Release(server, "a/sluice"), Release(server, "b/sluice")
            await first.attempt()
            await second.attempt()
            for step in steps:
                if isinstance(step, float):
                    clock.now += step
                elif step == "first":
                    await first.attempt()
                elif step == "second":
                    await second.attempt()
                elif step in {"away", "back"}:
                    server.error = ApiError(0, "", "away") if step == "away" else None
                elif not isinstance(step, str):
                    step(server)
                assert not (first.holds and second.holds), steps

    asyncio.run(play())


def test_who_holds_a_lease_and_for_how_long_others_wait() -> None:
    mine = with_instance(acquired(None, lease_config("n"), identity="a/sluice", at=NOW), instance="a/sluice_1")
    assert mine["metadata"]["name"] == LEASE_NAME
    assert instance_of(mine) == "a/sluice_1"
    assert is_held_by(mine, instance="a/sluice_1", release="a/sluice")
    assert not is_held_by(mine, instance="a/sluice_2", release="a/sluice")
    assert belongs_to(mine, release="a/sluice")
    freed = released(mine, lease_config("n"), at=NOW)
    assert belongs_to(freed, release="a/sluice")
    assert not belongs_to(freed, release="b/sluice")
    assert seconds_until_free(ObservedLease(lease=freed, since=0.0), 0.0, release="b/sluice") == RELEASE_GRACE_SECONDS
    assert seconds_until_free(ObservedLease(lease=freed, since=0.0), 0.0, release="a/sluice") == 0
    assert seconds_until_free(ObservedLease(lease=mine, since=0.0), 0.0, release="b/sluice") == DURATION_SECONDS
    assert seconds_until_free(ObservedLease(lease=mine, since=0.0), DURATION_SECONDS, release="b/sluice") == 0
    assert seconds_until_free(ObservedLease(lease=None, since=0.0), 0.0, release="b/sluice") == 0
    # Emptied by hand: its holder may not know.
    emptied = {**mine, "spec": {**mine["spec"], "holderIdentity": ""}}
    assert seconds_until_free(ObservedLease(lease=emptied, since=0.0), 0.0, release="b/sluice") == DURATION_SECONDS
