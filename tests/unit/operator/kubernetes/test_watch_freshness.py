"""Watch freshness: which watches are stale, and which are only late."""

from typing import Any

import pytest

from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes import watch_freshness as freshness_module
from sluice_operator.kubernetes.api_resource import PODS, ObjectList
from sluice_operator.kubernetes.watch_freshness import StaleWatchError, WatchFreshness

RELAYS = RELAY.resource


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness_module, "GRACE_SECONDS", 0.0)


def pod(uid: str, version: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": uid, "uid": uid, "resourceVersion": str(version)}}


def listing(*items: dict[str, Any], version: int) -> ObjectList:
    return ObjectList(items=list(items), resource_version=str(version))


def test_a_watch_that_misses_a_change_is_stale() -> None:
    freshness = WatchFreshness()
    freshness.record(PODS, pod("a", 1))
    freshness.compare(PODS, listing(pod("a", 5), version=9))
    assert freshness.is_behind
    with pytest.raises(StaleWatchError, match="the watch of pods has missed a change of n/a"):
        freshness.compare(PODS, listing(pod("a", 5), version=9))


def test_a_watch_that_misses_an_object_is_stale_while_the_object_keeps_changing() -> None:
    freshness = WatchFreshness()
    freshness.compare(PODS, listing(pod("a", 5), version=9))
    with pytest.raises(StaleWatchError):
        freshness.compare(PODS, listing(pod("a", 12), version=15))


def test_a_late_watch_that_catches_up_is_not_stale() -> None:
    freshness = WatchFreshness()
    for version in range(1, 20, 2):
        freshness.record(PODS, pod("a", version - 1))
        freshness.compare(PODS, listing(pod("a", version), version=version))
    freshness.record(PODS, pod("a", 19))
    freshness.compare(PODS, listing(pod("a", 19), version=19))
    assert not freshness.is_behind


def test_an_object_delivered_after_the_list_is_remembered() -> None:
    """If it never changes again, it is never delivered again."""
    freshness = WatchFreshness()
    freshness.record(PODS, pod("late", 7))
    freshness.compare(PODS, listing(version=5))
    freshness.compare(PODS, listing(pod("late", 7), version=9))
    assert not freshness.is_behind


def test_a_deleted_object_is_ignored_with_and_without_its_event() -> None:
    freshness = WatchFreshness()
    freshness.compare(PODS, listing(pod("a", 5), pod("b", 6), version=9))
    freshness.record(PODS, pod("a", 11))
    freshness.compare(PODS, listing(version=12))
    assert not freshness.is_behind


def test_each_kind_has_its_own_watch() -> None:
    freshness = WatchFreshness()
    freshness.record(RELAYS, pod("a", 5))
    freshness.compare(PODS, listing(pod("a", 5), version=9))
    assert freshness.is_behind


def test_a_late_event_changes_nothing() -> None:
    freshness = WatchFreshness()
    freshness.record(PODS, pod("a", 5))
    freshness.record(PODS, pod("a", 4))
    freshness.compare(PODS, listing(pod("a", 5), version=9))
    assert not freshness.is_behind
