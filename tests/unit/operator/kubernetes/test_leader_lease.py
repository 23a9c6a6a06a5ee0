"""The Lease of the leader: who may acquire it, when, and what is written."""

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
CONFIG = LeaseConfig(namespace="sluice", name="sluice-operator", duration_seconds=10)


def lease(holder: str | None = "other", *, version: str = "7", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "sluice-operator", "resourceVersion": version, "labels": {"team": "events"}},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10, "renewTime": "then", **spec},
    }


def held(observed: ObservedLease, now: float) -> float:
    return observed.held_seconds(now, min_duration_seconds=CONFIG.duration_seconds)


@pytest.mark.parametrize(
    "free",
    [None, {"metadata": {}}, {"metadata": {}, "spec": None}, lease(None), lease("")],
)
def test_a_lease_without_a_holder_is_free_at_once(free: dict[str, Any] | None) -> None:
    assert held(observe(None, free, now=5.0), 5.0) == 0.0


def test_on_first_observation_a_lease_is_held_for_its_full_duration() -> None:
    observed = observe(None, lease(renewTime="1970-01-01T00:00:00Z"), now=100.0)
    assert (observed.holder, held(observed, 100.0), held(observed, 104.0)) == ("other", 10.0, 6.0)
    assert (held(observed, 110.0), held(observed, 1e9)) == (0.0, 0.0)


@pytest.mark.parametrize(("duration", "held_for"), [(60, 60.0), (1, 10.0), (None, 10.0)])
def test_the_duration_is_the_holders_and_at_least_the_configured_one(duration: int | None, held_for: float) -> None:
    """Otherwise a person who shortens it would allow two leaders."""
    assert held(observe(None, lease(leaseDurationSeconds=duration), now=0.0), 0.0) == held_for


@pytest.mark.parametrize("emptied", [None, lease(""), lease(None)])
def test_a_lease_emptied_by_somebody_else_is_held_for_its_duration(
    emptied: dict[str, Any] | None,
) -> None:
    observed = observe(observe(None, lease(), now=0.0), emptied, now=4.0)
    assert (observed.holder, held(observed, 4.0)) == ("", 10.0)
    observed = observe(observed, emptied, now=6.0)
    assert (held(observed, 6.0), held(observed, 14.0)) == (8.0, 0.0)


def test_a_released_lease_is_free_at_once_even_if_it_is_deleted_afterwards() -> None:
    released_lease = released(lease(), CONFIG, at=AT)
    observed = observe(observe(None, lease(), now=0.0), released_lease, now=4.0)
    assert held(observed, 4.0) == held(observe(observed, None, now=5.0), 5.0) == 0.0


def test_the_age_of_a_lease_counts_from_the_last_change_of_its_spec() -> None:
    observed = observe(None, lease(), now=0.0)
    observed = observe(observed, lease(), now=4.0)
    assert observed.since == 0.0
    observed = observe(observed, lease(renewTime="now"), now=6.0)
    assert observed.since == 6.0
    observed = observe(observed, lease("third", renewTime="now"), now=7.0)
    assert (observed.holder, observed.since) == ("third", 7.0)


def test_an_annotation_is_no_renewal() -> None:
    observed = observe(ObservedLease(lease=lease(version="7"), since=0.0), lease(version="8"), now=9.0)
    assert observed.since == 0.0
    assert observed.lease == lease(version="8"), "the newest version is kept for the next write"


def test_a_new_lease() -> None:
    assert acquired(None, CONFIG, identity="me", at=AT) == {
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


def test_acquiring_a_lease_keeps_its_other_fields() -> None:
    before = lease(leaseTransitions=4, leaseDurationSeconds=60, strategy="OldestEmulationVersion")
    after = acquired(before, CONFIG, identity="me", at=AT)
    assert after["metadata"] == before["metadata"], "the resource version makes the write conditional"
    spec = after["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"], spec["leaseDurationSeconds"]) == ("me", 5, 10)
    assert spec["strategy"] == "OldestEmulationVersion"
    assert before["spec"]["holderIdentity"] == "other"


def test_a_renewed_lease() -> None:
    edited = lease("me", acquireTime="then", leaseDurationSeconds=3600)
    assert renewed(edited, CONFIG, at=AT) == lease("me", acquireTime="then", renewTime=TIME)


def test_a_released_lease() -> None:
    after = released(lease("me", leaseTransitions=3), CONFIG, at=AT)
    assert after["spec"] == {
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": TIME,
        "leaseTransitions": 3,
    }
    assert holder_of(after) == ""
    assert held(observe(None, after, now=0.0), 0.0) == 0.0


@pytest.mark.parametrize("duration", [5, 10, 300])
def test_the_leader_exits_before_another_may_lead_and_has_two_attempts(duration: int) -> None:
    config = LeaseConfig(namespace="", name="", duration_seconds=duration)
    assert config.renew_deadline_seconds < duration
    second_try = config.retry_period_seconds + config.request_timeout_seconds + config.retry_after_error_seconds
    assert second_try + config.request_timeout_seconds / 2 < config.renew_deadline_seconds
    longest = duration + config.retry_period_seconds * 1.1 + config.request_timeout_seconds
    assert duration != 10 or longest < 20, "after a kill"
