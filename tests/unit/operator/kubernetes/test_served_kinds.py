"""Which kinds are served: each by itself, and what is told of those that are not."""

import logging
import math

import pytest

from sluice_operator.kinds.registry import LABELERS, RELAYS
from sluice_operator.kubernetes import served_kinds as kinds_module
from sluice_operator.kubernetes.client import KubeError
from sluice_operator.kubernetes.informers.informers import _settings as watch_settings
from sluice_operator.kubernetes.served_kinds import LONGEST_RETRY_SECONDS, Kinds
from sluice_operator.kubernetes.served_namespaces import Namespaces

MISSING = KubeError(404, "NotFound", "404 page not found")
FORBIDDEN = KubeError(403, "Forbidden", 'cannot list resource "labelers"')
BROKEN = KubeError(500, "InternalError", "conversion webhook failed")
CLUSTER = [None]


def test_what_is_not_listed_yet_is_not_served() -> None:
    kinds = Kinds()
    assert kinds.serves(RELAYS, "n")
    kinds.pend(RELAYS)
    assert not kinds.serves(RELAYS, "n")
    assert kinds.serves(LABELERS, "n")
    kinds.settle(RELAYS, {}, scopes=CLUSTER)
    assert kinds.serves(RELAYS, "n")


@pytest.mark.parametrize("error", [MISSING, FORBIDDEN])
def test_what_is_refused_is_not_served_and_the_other_kind_is(error: KubeError) -> None:
    kinds = Kinds()
    kinds.settle(LABELERS, {None: error}, scopes=CLUSTER)
    assert not kinds.serves(LABELERS, "n")
    assert not kinds.serves(LABELERS, None)
    assert kinds.serves(RELAYS, "n")
    assert kinds.states == {"Relay": True, "Labeler": False}
    kinds.settle(LABELERS, {}, scopes=CLUSTER)
    assert kinds.states == {"Relay": True, "Labeler": True}


def test_what_is_known_of_a_kind_whose_list_fails_is_served() -> None:
    kinds = Kinds()
    kinds.settle(LABELERS, {None: BROKEN}, scopes=CLUSTER)
    assert kinds.serves(LABELERS, "n")
    assert "conversion webhook failed" in kinds.troubles[LABELERS]


def test_a_kind_that_is_refused_in_one_namespace_is_served_in_the_others() -> None:
    namespaces = Namespaces(("one", "two"))
    namespaces.kinds.settle(LABELERS, {"one": FORBIDDEN}, scopes=["one", "two"])
    assert namespaces.served_of(LABELERS) == ("two",)
    assert namespaces.served_of(RELAYS) == ("one", "two")
    assert not namespaces.serves_of(LABELERS, "one")
    namespaces.kinds.settle(LABELERS, {"two": FORBIDDEN}, scopes=["two"])
    assert namespaces.served_of(LABELERS) == ()
    namespaces.settle({"two": "no Role"})
    assert namespaces.served_of(RELAYS) == ("one",)


@pytest.mark.parametrize("error", [FORBIDDEN, BROKEN])
def test_where_it_was_listed_it_is_served_whatever_has_failed_elsewhere(error: KubeError) -> None:
    kinds = Kinds()
    kinds.pend(LABELERS)
    kinds.settle(LABELERS, {"one": error}, scopes=["one", "two"])
    assert not kinds.serves(LABELERS, "one")
    assert kinds.serves(LABELERS, "two")
    kinds.settle(LABELERS, {}, scopes=["one"])
    assert kinds.serves(LABELERS, "one")
    kinds.settle(LABELERS, {"one": BROKEN}, scopes=["one", "two"])
    assert kinds.serves(LABELERS, "one"), "what is known of it"


def test_it_is_tried_again_soon_and_for_ever() -> None:
    kinds = Kinds()
    assert (kinds.to_retry, kinds.retry_seconds) == ([], math.inf)
    pauses = []
    for _ in range(20):
        kinds.settle(LABELERS, {None: MISSING}, scopes=CLUSTER)
        pauses.append(kinds.retry_seconds)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_RETRY_SECONDS
    assert kinds.to_retry == [LABELERS]


def test_it_is_told_once_and_then_rarely(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(kinds_module.time, "monotonic", lambda: now)
    caplog.set_level(logging.INFO)
    kinds = Kinds()
    for _ in range(100):
        kinds.settle(LABELERS, {None: MISSING}, scopes=CLUSTER)
        now += 10
    assert [record.message for record in caplog.records] == [
        "Not served: There is no CRD for labelers in version sluice.dev/v1alpha1: install it, as the chart does"
    ]
    now += 3600
    kinds.settle(LABELERS, {None: MISSING}, scopes=CLUSTER)
    kinds.settle(LABELERS, {}, scopes=CLUSTER)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]
    assert caplog.records[-1].message == "labelers are served"


def test_a_watch_that_is_begun_anew_is_told_only_if_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(kinds_module.time, "monotonic", lambda: now)
    kinds = Kinds()
    kinds.watch_failed(LABELERS, "404")
    assert not kinds.is_watched(LABELERS)
    assert kinds.troubles == {}
    now += 11
    assert "can't be watched" in kinds.troubles[LABELERS]
    kinds.watch_runs(LABELERS)
    assert kinds.troubles == {}
    assert kinds.is_watched(LABELERS)


def test_the_end_of_an_engine_is_not_the_end_of_the_process() -> None:
    assert watch_settings().process.ultimate_exiting_timeout is None
