"""A person edits or deletes the Lease. Its holder sees that when it next renews the Lease."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import delay_request
from tests.integration.operator.lease.candidates import (
    FAILOVER_SECONDS,
    LEASE_SECONDS,
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


def delete(place: LeaseNamespace) -> None:
    place.delete("Lease", LEASE)


def empty(place: LeaseNamespace) -> None:
    place.patch("Lease", LEASE, {"spec": {"holderIdentity": ""}})


@pytest.mark.parametrize("edit", [delete, empty])
def test_nobody_takes_an_emptied_lease_before_its_former_holder_has_ended(
    place: LeaseNamespace,
    candidate: Callable[..., OperatorProcess],
    proxy: FaultyProxy,
    edit: Callable[[LeaseNamespace], None],
) -> None:
    leader, standby = start_pair(
        candidate("first", KUBECONFIG=proxy.kubeconfig("first"), **LONG_LEASE), candidate("second", **LONG_LEASE)
    )
    log = place.control_plane.audit.from_now()
    # The holder learns of it as late as possible.
    with ConstantEdits(place), proxy.inject(delay_request(1.0), "update", "leases", namespace=place.namespace):
        place.wait_first_write(log, "first")
        renewed = place.lease()["renewTime"]
        eventually(lambda: place.lease()["renewTime"] != renewed)
        edit(place)
        since = datetime.now(UTC)
        eventually(lambda: leader.returncode == 1)
        limit = LONG_SECONDS + FAILOVER_SECONDS - LEASE_SECONDS
        assert seconds_to_take_over(place, standby, log=log.from_now(), since=since, limit=limit) < limit
    assert "The lease is lost: nobody holds it now" in leader.log
    assert_one_writes_at_a_time(place, log, *USERS)


@pytest.mark.parametrize("seconds", [1, None, 3600])
def test_an_edited_lease_duration_is_restored(place: LeaseNamespace, pair: Pair, seconds: Any) -> None:
    """A shorter duration would allow two leaders; a longer one would delay the next leader."""
    leader, standby = pair
    place.patch("Lease", LEASE, {"spec": {"leaseDurationSeconds": seconds}})
    eventually(lambda: place.lease()["leaseDurationSeconds"] == 10)
    time.sleep(5)
    assert (leader.returncode, leads(leader), leads(standby)) == (None, True, False)
    assert place.lease()["leaseTransitions"] == 0
