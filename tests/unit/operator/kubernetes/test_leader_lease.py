"""Who may take a Lease, when, and what is written."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sluice_operator.kubernetes.leader_lease import (
    LeaseConfig,
    ObservedLease,
    acquired,
    holder_of,
    observe,
    released,
    renewed,
)

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIME = "2026-01-02T03:04:05.000000Z"
TERMS = LeaseConfig(namespace="sluice", name="sluice-operator", duration_seconds=10)


def lease(holder: str | None = "other", *, version: str = "7", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "sluice-operator", "resourceVersion": version, "labels": {"team": "events"}},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10, "renewTime": "then", **spec},
    }


def held(seen: ObservedLease, now: float) -> float:
    return seen.held_seconds(now, min_duration_seconds=TERMS.duration_seconds)


@pytest.mark.parametrize(
    "free",
    [None, {"metadata": {}}, {"metadata": {}, "spec": None}, lease(None), lease("")],
)
def test_what_nobody_holds_is_free_at_once(free: dict[str, Any] | None) -> None:
    assert held(observe(None, free, now=5.0), 5.0) == 0.0


def test_one_that_is_seen_first_is_held_for_its_whole_duration_whatever_its_times_say() -> None:
    seen = observe(None, lease(renewTime="1970-01-01T00:00:00Z"), now=100.0)
    assert (seen.holder, held(seen, 100.0), held(seen, 104.0)) == ("other", 10.0, 6.0)
    assert (held(seen, 110.0), held(seen, 1e9)) == (0.0, 0.0)


@pytest.mark.parametrize(("duration", "held_for"), [(60, 60.0), (1, 10.0), (None, 10.0)])
def test_its_duration_is_its_holders_but_no_shorter_than_the_readers(duration: int | None, held_for: float) -> None:
    """A hand that makes it shorter lets nobody lead beside its holder."""
    assert held(observe(None, lease(leaseDurationSeconds=duration), now=0.0), 0.0) == held_for


@pytest.mark.parametrize("torn", [None, lease(""), lease(None)])
def test_what_its_holder_has_not_freed_itself_is_held_for_a_while(torn: dict[str, Any] | None) -> None:
    seen = observe(observe(None, lease(), now=0.0), torn, now=4.0)
    assert (seen.holder, held(seen, 4.0)) == ("", 10.0)
    seen = observe(seen, torn, now=6.0)
    assert (held(seen, 6.0), held(seen, 14.0)) == (8.0, 0.0)


def test_what_its_holder_has_freed_is_free_at_once_even_if_it_is_deleted_then() -> None:
    freed = released(lease(), TERMS, at=AT)
    seen = observe(observe(None, lease(), now=0.0), freed, now=4.0)
    assert held(seen, 4.0) == held(observe(seen, None, now=5.0), 5.0) == 0.0


def test_it_grows_old_until_it_is_renewed() -> None:
    seen = observe(None, lease(), now=0.0)
    seen = observe(seen, lease(), now=4.0)
    assert seen.since == 0.0
    seen = observe(seen, lease(renewTime="now"), now=6.0)
    assert seen.since == 6.0
    seen = observe(seen, lease("third", renewTime="now"), now=7.0)
    assert (seen.holder, seen.since) == ("third", 7.0)


def test_an_annotation_is_no_renewal() -> None:
    seen = observe(ObservedLease(lease=lease(version="7"), since=0.0), lease(version="8"), now=9.0)
    assert seen.since == 0.0
    assert seen.lease == lease(version="8"), "it is taken by its newest version"


def test_created() -> None:
    assert acquired(None, TERMS, identity="me", at=AT) == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": "sluice", "name": "sluice-operator"},
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 10,
            "acquireTime": TIME,
            "renewTime": TIME,
            "leaseTransitions": 0,
        },
    }


def test_taken_from_another_with_all_else_that_it_holds() -> None:
    before = lease(leaseTransitions=4, leaseDurationSeconds=60, strategy="OldestEmulationVersion")
    after = acquired(before, TERMS, identity="me", at=AT)
    assert after["metadata"] == before["metadata"], "the version says which one was read"
    spec = after["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"], spec["leaseDurationSeconds"]) == ("me", 5, 10)
    assert spec["strategy"] == "OldestEmulationVersion"
    assert before["spec"]["holderIdentity"] == "other"


def test_renewed() -> None:
    edited = lease("me", acquireTime="then", leaseDurationSeconds=3600)
    assert renewed(edited, TERMS, at=AT) == lease("me", acquireTime="then", renewTime=TIME)


def test_released() -> None:
    after = released(lease("me", leaseTransitions=3), TERMS, at=AT)
    assert after["spec"] == {
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": TIME,
        "leaseTransitions": 3,
    }
    assert holder_of(after) == ""
    assert held(observe(None, after, now=0.0), 0.0) == 0.0


@pytest.mark.parametrize("duration", [5, 10, 300])
def test_the_leader_ends_before_another_may_lead_and_has_two_tries(duration: int) -> None:
    terms = LeaseConfig(namespace="", name="", duration_seconds=duration)
    assert terms.renew_deadline_seconds < duration
    second_try = terms.retry_period_seconds + terms.request_timeout_seconds + terms.retry_after_error_seconds
    assert second_try + terms.request_timeout_seconds / 2 < terms.renew_deadline_seconds
    longest = duration + terms.retry_period_seconds * 1.1 + terms.request_timeout_seconds
    assert duration != 10 or longest < 20, "after a kill"
