from typing import Any

import pytest

from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes import watch_freshness as sight_module
from sluice_operator.kubernetes.api_resource import PODS, ObjectList
from sluice_operator.kubernetes.watch_freshness import StaleWatchError, WatchFreshness

RELAYS = RELAY.resource


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight_module, "GRACE_SECONDS", 0.0)


def pod(uid: str, version: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": uid, "uid": uid, "resourceVersion": str(version)}}


def listing(*items: dict[str, Any], version: int) -> ObjectList:
    return ObjectList(items=list(items), resource_version=str(version))


def test_a_change_that_does_not_come_at_all_is_blindness() -> None:
    sight = WatchFreshness()
    sight.record(PODS, pod("a", 1))
    sight.compare(PODS, listing(pod("a", 5), version=9))
    assert sight.is_behind
    with pytest.raises(StaleWatchError, match="the watch of pods has missed a change of n/a"):
        sight.compare(PODS, listing(pod("a", 5), version=9))


def test_an_object_that_does_not_come_at_all_is_blindness_even_if_it_goes_on_changing() -> None:
    sight = WatchFreshness()
    sight.compare(PODS, listing(pod("a", 5), version=9))
    with pytest.raises(StaleWatchError):
        sight.compare(PODS, listing(pod("a", 12), version=15))


def test_a_watch_that_is_behind_and_comes_after_is_none() -> None:
    sight = WatchFreshness()
    for version in range(1, 20, 2):
        sight.record(PODS, pod("a", version - 1))
        sight.compare(PODS, listing(pod("a", version), version=version))
    sight.record(PODS, pod("a", 19))
    sight.compare(PODS, listing(pod("a", 19), version=19))
    assert not sight.is_behind


def test_what_came_after_the_list_was_made_is_remembered() -> None:
    """It may never change again, and so never come again."""
    sight = WatchFreshness()
    sight.record(PODS, pod("late", 7))
    sight.compare(PODS, listing(version=5))
    sight.compare(PODS, listing(pod("late", 7), version=9))
    assert not sight.is_behind


def test_what_is_gone_is_no_concern_whether_the_watch_told_or_not() -> None:
    sight = WatchFreshness()
    sight.compare(PODS, listing(pod("a", 5), pod("b", 6), version=9))
    sight.record(PODS, pod("a", 11))
    sight.compare(PODS, listing(version=12))
    assert not sight.is_behind


def test_kinds_are_told_apart() -> None:
    sight = WatchFreshness()
    sight.record(RELAYS, pod("a", 5))
    sight.compare(PODS, listing(pod("a", 5), version=9))
    assert sight.is_behind


def test_late_news_make_nobody_blind() -> None:
    sight = WatchFreshness()
    sight.record(PODS, pod("a", 5))
    sight.record(PODS, pod("a", 4))
    sight.compare(PODS, listing(pod("a", 5), version=9))
    assert not sight.is_behind
