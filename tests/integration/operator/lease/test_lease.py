"""Two operators and one Lease: one leads, and the other takes over however the first one ends."""

import logging
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.integration.operator.audit import Request
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import ControlPlane
from tests.integration.operator.lease.candidates import (
    FAILOVER_SECONDS,
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

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.2
SLACK_SECONDS = 4
"""Time for a busy machine. Together with RETRY_SECONDS it is less than the duration of the Lease."""
READ_LEASE = {("coordination.k8s.io", "leases", "get")}


def test_a_standby_is_ready_and_only_reads_the_lease(place: LeaseNamespace, pair: Pair) -> None:
    leader, standby = pair
    log, began = place.control_plane.audit.from_now(), time.monotonic()

    def renewals() -> list[Request]:
        return [one for one in log.writes("first") if one.name == LEASE]

    with ConstantEdits(place):
        place.wait_first_write(log, "first")
        eventually(lambda: len(log.requests("second")) >= 2)
        eventually(lambda: len(renewals()) >= 2)
    assert [operator.get(path)[0] for operator in pair for path in ("livez", "readyz")] == [200] * 4
    assert (leads(leader), leads(standby)) == (True, False)
    assert {request.right for request in log.requests("second")} == READ_LEASE
    limit = (time.monotonic() - began) / 2 + 2
    assert len(log.requests("second")) <= limit
    assert len(renewals()) <= limit
    lease = place.lease()
    assert (lease["leaseDurationSeconds"], lease["leaseTransitions"]) == (10, 0)
    assert "Standing by: first_" in standby.log


def test_the_standby_takes_over_when_a_busy_leader_is_killed(
    place: LeaseNamespace, pair: Pair, candidate: Callable[..., OperatorProcess]
) -> None:
    leader, standby = pair
    begin = place.control_plane.audit.from_now()
    order = list(USERS)
    with ConstantEdits(place):
        place.wait_first_write(begin, USERS[0])
        for round_ in range(3):
            time.sleep(3 + 0.7 * round_)
            log, since = place.control_plane.audit.from_now(), datetime.now(UTC)
            leader.stop(signal.SIGKILL)
            assert seconds_to_take_over(place, standby, log=log, since=since) < FAILOVER_SECONDS
            # The killed operator starts again as the standby.
            leader.start()
            leader, standby = standby, leader
            order.append(order[-2])
    assert_one_writes_at_a_time(place, begin, *order[:-1])
    assert place.lease()["leaseTransitions"] == 3


def test_a_graceful_stop_releases_the_lease(place: LeaseNamespace, pair: Pair) -> None:
    leader, standby = pair
    log = place.control_plane.audit.from_now()
    with ConstantEdits(place):
        place.wait_first_write(log, "first")
        since = datetime.now(UTC)
        assert leader.stop() == 0
        seconds_to_take_over(place, standby, log=log, since=since)
    assert "The lease is released" in leader.log
    freed = [request for request in log.writes("first") if request.name == LEASE][-1]
    # Not `answered`: the client may continue before the log gets that timestamp.
    assert freed.received > max(request.received for request in place.writes(log, "first"))
    assert (freed.answered - since).total_seconds() < SLACK_SECONDS
    # The path of a creation has no name.
    taken = next(request for request in log.writes("second") if request.name == LEASE)
    assert (taken.answered - freed.answered).total_seconds() < RETRY_SECONDS + SLACK_SECONDS
    assert_one_writes_at_a_time(place, log, *USERS)


def test_the_last_operator_leaves_a_lease_without_a_holder(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess]
) -> None:
    leader = candidate("first")
    leader.start()
    eventually(lambda: leads(leader))
    assert leader.stop() == 0
    lease = place.lease()
    assert (lease.get("holderIdentity", ""), lease["leaseDurationSeconds"]) == ("", 1)


def test_a_leader_that_is_frozen_until_another_leads_ends(place: LeaseNamespace, pair: Pair) -> None:
    leader, standby = pair
    log = place.control_plane.audit.from_now()
    with ConstantEdits(place):
        place.wait_first_write(log, "first")
        since = datetime.now(UTC)
        leader.send(signal.SIGSTOP)
        assert seconds_to_take_over(place, standby, log=log.from_now(), since=since) < FAILOVER_SECONDS
        thawed = datetime.now(UTC)
        leader.send(signal.SIGCONT)
        eventually(lambda: leader.returncode == 1)
        time.sleep(2)
    assert not [request for request in log.requests("first") if request.received > thawed]
    assert "The lease could not be renewed in time" in leader.log
    assert_one_writes_at_a_time(place, log, *USERS)


def test_a_leader_that_is_frozen_for_a_moment_stays_leader(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess]
) -> None:
    leader, standby = start_pair(*(candidate(user, **LONG_LEASE) for user in USERS))
    leader.send(signal.SIGSTOP)
    time.sleep(3)
    leader.send(signal.SIGCONT)
    time.sleep(LONG_SECONDS)
    assert (leads(leader), leads(standby)) == (True, False)
    assert place.lease()["leaseTransitions"] == 0


def test_a_leader_that_finds_another_holder_ends_at_once(place: LeaseNamespace, pair: Pair) -> None:
    leader, standby = pair
    begin = place.control_plane.audit.from_now()
    with ConstantEdits(place):
        place.wait_first_write(begin, "first")
        place.patch("Lease", LEASE, {"spec": {"holderIdentity": "somebody"}})
        log, since = place.control_plane.audit.from_now(), time.monotonic()
        eventually(lambda: leader.returncode == 1)
        assert time.monotonic() - since < RETRY_SECONDS + SLACK_SECONDS
    assert "The lease is lost: somebody holds it now" in leader.log
    learned = max(request.answered for request in log.requests("first") if request.rights == READ_LEASE)
    # The leader learns it from that answer. It can't take back the requests sent before.
    assert not [request for request in place.writes(log, "first") if request.received > learned + timedelta(seconds=1)]
    assert not leads(standby)


def test_annotating_the_lease_changes_no_leader(place: LeaseNamespace, pair: Pair) -> None:
    leader, standby = pair
    for number in range(5):
        place.patch("Lease", LEASE, {"metadata": {"annotations": {"somebody": str(number)}}})
        time.sleep(1.3)
    assert (leads(leader), leads(standby)) == (True, False)
    assert place.get("Lease", LEASE)["metadata"]["annotations"] == {"somebody": "4"}


def test_a_leader_without_an_api_server_ends_in_time(place: LeaseNamespace, pair: Pair) -> None:
    leader, standby = pair
    log = place.control_plane.audit
    since = time.monotonic()
    place.control_plane.stop_api_server()
    try:
        eventually(lambda: leader.returncode == 1)
        seconds = time.monotonic() - since
        logger.info("The leader has ended %.1f s after the API server", seconds)
        assert 4 < seconds < 10
        time.sleep(3)
        assert (standby.returncode, standby.get("livez")[0], leads(standby)) == (None, 200, False)
    finally:
        place.control_plane.start_api_server()
    seconds_to_take_over(place, standby, log=log, since=datetime.now(UTC))
    assert "The lease could not be renewed in time" in leader.log


def test_an_operator_without_rights_on_the_lease_does_nothing(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess], control_plane: ControlPlane
) -> None:
    place.grant("second")
    (right,) = READ_LEASE
    eventually(lambda: not control_plane.allows("first", right, namespace=place.namespace, name=LEASE))
    operator, log = candidate("first"), control_plane.audit.from_now()
    operator.start(ready=False)
    eventually(lambda: "The lease could not be read or acquired: 403" in operator.log)
    assert (operator.get("livez")[0], operator.get("readyz")[0], leads(operator)) == (200, 503, False)
    place.apply("one")
    time.sleep(3)
    assert {request.resource for request in log.requests("first")} == {"leases"}
    place.grant(*USERS)
    eventually(lambda: place.get("Deployment", "one-firehose"))
