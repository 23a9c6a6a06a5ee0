"""The Lease when answers of the API server are late or lost."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from sluice_operator.kubernetes.connection import connect
from sluice_operator.kubernetes.leader_election import LeaderElector
from sluice_operator.kubernetes.leader_lease import LeaseConfig
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import (
    Fault,
    delay_answer,
    delay_request,
    drop_connection,
    lose_answer,
    never_answer,
    refuse,
)
from tests.integration.operator.lease.candidates import (
    BEFORE_EXPIRY_SECONDS,
    FAILOVER_SECONDS,
    FAR_LEASE,
    LONG_LEASE,
    LONG_SECONDS,
    USERS,
    ConstantEdits,
    LeaseNamespace,
    Pair,
    assert_one_writes_at_a_time,
    leads,
    seconds_to_take_over,
    start_pair,
)
from tests.integration.operator.rights import LEASE
from tests.integration.operator.situation import eventually


def test_a_leader_without_answers_about_its_lease_ends_although_it_could_write(
    place: LeaseNamespace, faulty_pair: Pair, proxy: FaultyProxy
) -> None:
    leader, standby = faulty_pair
    place.apply("before")
    eventually(lambda: place.get("Deployment", "before-firehose"))  # the operator holds the Lease of the namespace too
    log = place.control_plane.audit.from_now()
    with ConstantEdits(place), proxy.inject(never_answer, resource="leases", namespace=place.namespace):
        since = datetime.now(UTC)
        place.wait_first_write(log, "first")
        eventually(lambda: leader.returncode == 1)
        assert 4 < (datetime.now(UTC) - since).total_seconds() < 10
        assert seconds_to_take_over(place, standby, log=log.from_now(), since=since) < FAILOVER_SECONDS
    assert "The lease could not be renewed in time" in leader.log
    assert_one_writes_at_a_time(place, log, *USERS)


@pytest.mark.parametrize(
    ("fault", "times"),
    [(lose_answer, 2), (drop_connection, 2), (refuse(429, retry_after=30), 2), (refuse(500), 2), (never_answer, 1)],
    ids=["answers are lost", "connections are cut off", "429", "500", "no answer"],
)
def test_a_renewal_that_fails_for_a_moment_changes_no_leader(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess], proxy: FaultyProxy, fault: Fault, times: int
) -> None:
    kubeconfigs = (proxy.kubeconfig("first"), str(place.control_plane.kubeconfig("second")))
    leader, standby = start_pair(
        *(
            candidate(user, KUBECONFIG=kubeconfig, **LONG_LEASE)
            for user, kubeconfig in zip(USERS, kubeconfigs, strict=True)
        )
    )
    with proxy.inject(fault, "update", "leases", namespace=place.namespace, times=times) as rule:
        eventually(lambda: rule.remaining == 0)
        time.sleep(0.8 * LONG_SECONDS)
    assert (leads(leader), leads(standby), place.lease()["leaseTransitions"]) == (True, False, 0)


def test_an_acquired_lease_whose_answer_is_lost_counts_as_acquired(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess], proxy: FaultyProxy
) -> None:
    leader = candidate("first", KUBECONFIG=proxy.kubeconfig("first"), **FAR_LEASE)
    with proxy.inject(lose_answer, "create", "leases", namespace=place.namespace, times=1) as rule:
        leader.start(ready=False)
        eventually(lambda: rule.remaining == 0)
        eventually(lambda: leads(leader), seconds=BEFORE_EXPIRY_SECONDS)


def test_a_released_lease_whose_answer_is_lost_counts_as_released(
    place: LeaseNamespace, faulty_pair_with_far_lease: Pair, proxy: FaultyProxy
) -> None:
    leader, standby = faulty_pair_with_far_lease
    with proxy.inject(lose_answer, "update", "leases", namespace=place.namespace):
        leader.stop()
        eventually(lambda: leads(standby), seconds=BEFORE_EXPIRY_SECONDS)


async def test_failing_work_releases_the_lease_when_it_has_ended(
    place: LeaseNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(place.control_plane.kubeconfig(USERS[0])))
    terms = LeaseConfig(namespace=place.namespace, name=LEASE, duration_seconds=60)
    done: list[str] = []
    async with connect() as (kube, _):
        first, second = (LeaderElector(client=kube, config=terms, identity=name) for name in USERS)

        async def fail() -> None:
            try:
                raise ValueError("broken")
            finally:
                await asyncio.sleep(1)
                done.append("work has ended")

        async def succeed() -> None:
            done.append(place.lease()["holderIdentity"])

        with pytest.raises(ValueError, match="broken"):
            await first.run(fail)
        assert not first.is_leader
        await second.run(succeed)
    assert done == ["work has ended", "second"]


async def test_one_of_many_candidates_leads(place: LeaseNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(place.control_plane.kubeconfig(USERS[0])))
    terms = LeaseConfig(namespace=place.namespace, name=LEASE, duration_seconds=30)
    together: list[int] = []
    working = 0

    async def work() -> None:
        nonlocal working
        working += 1
        together.append(working)
        await asyncio.sleep(0.2)
        working -= 1

    async with connect() as (kube, _):
        candidates = [LeaderElector(client=kube, config=terms, identity=str(number)) for number in range(3)]
        await asyncio.gather(*(candidate.run(work) for candidate in candidates))
    assert together == [1] * 3
    assert place.lease()["leaseTransitions"] == 2


def test_requests_of_the_leader_are_answered_before_another_leads(
    place: LeaseNamespace, faulty_pair_with_far_lease: Pair, proxy: FaultyProxy
) -> None:
    leader, standby = faulty_pair_with_far_lease
    log = place.control_plane.audit.from_now()
    with proxy.inject(delay_request(3.0), "patch", "deployments", namespace=place.namespace, times=1) as rule:
        place.apply("asked")
        eventually(lambda: rule.remaining == 0)
        assert leader.stop() == 0
        eventually(lambda: leads(standby), seconds=BEFORE_EXPIRY_SECONDS)
    assert "asked-firehose" in {request.name for request in place.writes(log, "first")}
    place.apply("after")
    eventually(lambda: place.get("Deployment", "after-firehose"))
    assert_one_writes_at_a_time(place, log, *USERS)


def test_an_operator_that_is_stopped_while_it_acquires_the_lease_releases_it(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess], proxy: FaultyProxy
) -> None:
    first = candidate("first", KUBECONFIG=proxy.kubeconfig("first"), **FAR_LEASE)
    second = candidate("second", **FAR_LEASE)
    with proxy.inject(delay_answer(1.5), "create", "leases", namespace=place.namespace):
        first.start(ready=False)
        eventually(place.lease)
        assert first.stop() == 0
    assert place.lease().get("holderIdentity", "") == ""
    second.start()
    eventually(lambda: leads(second), seconds=BEFORE_EXPIRY_SECONDS)
