"""The Lease when a person edits or deletes it: its holder hears of that only when it renews it the next time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import delay_request
from tests.integration.operator.lease.candidates import (
    FAILOVER_SECONDS,
    USERS,
    Load,
    Pair,
    Place,
    assert_one_writes_at_a_time,
    leads,
    seconds_to_take_over,
)
from tests.integration.operator.rights import LEASE
from tests.integration.operator.situation import eventually


def delete(place: Place) -> None:
    place.delete("Lease", LEASE)


def empty(place: Place) -> None:
    place.patch("Lease", LEASE, {"spec": {"holderIdentity": ""}})


@pytest.mark.parametrize("hand", [delete, empty])
def test_a_lease_that_is_taken_from_its_holder_is_nobodys_until_the_holder_knows(
    place: Place, faulty_pair: Pair, proxy: FaultyProxy, hand: Callable[[Place], None]
) -> None:
    leader, standby = faulty_pair
    log = place.control_plane.audit.from_now()
    # The holder learns of it as late as it may.
    with Load(place), proxy.inject(delay_request(1.0), "update", "leases", namespace=place.namespace):
        place.wait_first_write(log, "first")
        renewed = place.lease()["renewTime"]
        eventually(lambda: place.lease()["renewTime"] != renewed)
        hand(place)
        since = datetime.now(UTC)
        eventually(lambda: leader.returncode == 1)
        assert seconds_to_take_over(place, standby, log=log.from_now(), since=since) < FAILOVER_SECONDS
    assert "The lease is lost: nobody holds it now" in leader.log
    assert_one_writes_at_a_time(place, log, *USERS)


@pytest.mark.parametrize("seconds", [1, None, 3600])
def test_another_duration_than_that_of_its_holder_does_not_last(place: Place, pair: Pair, seconds: Any) -> None:
    """A shorter one would let another lead beside it, a longer one would keep all from leading after it."""
    leader, standby = pair
    place.patch("Lease", LEASE, {"spec": {"leaseDurationSeconds": seconds}})
    eventually(lambda: place.lease()["leaseDurationSeconds"] == 10, seconds=6)
    time.sleep(5)
    assert (leader.returncode, leads(leader), leads(standby)) == (None, True, False)
    assert place.lease()["leaseTransitions"] == 0
