"""Which kinds are served: each by itself, and what is told of those that are not."""

import logging
import math

import pytest

from sluice_operator.kinds.registry import LABELERS, RELAYS
from sluice_operator.kubernetes import served_kinds as kinds_module
from sluice_operator.kubernetes.client import ApiError
from sluice_operator.kubernetes.informers.informers import _kopf_settings as watch_settings
from sluice_operator.kubernetes.served_kinds import MAX_RETRY_SECONDS, ServedKinds
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces

MISSING = ApiError(404, "NotFound", "404 page not found")
FORBIDDEN = ApiError(403, "Forbidden", 'cannot list resource "labelers"')
BROKEN = ApiError(500, "InternalError", "conversion webhook failed")
CLUSTER = [None]


def test_what_is_not_listed_yet_is_not_served() -> None:
    kinds = ServedKinds()
    assert kinds.serves(RELAYS, "n")
    kinds.mark_unlisted(RELAYS)
    assert not kinds.serves(RELAYS, "n")
    assert kinds.serves(LABELERS, "n")
    kinds.record_list(RELAYS, {}, scopes=CLUSTER)
    assert kinds.serves(RELAYS, "n")


@pytest.mark.parametrize("error", [MISSING, FORBIDDEN])
def test_what_is_refused_is_not_served_and_the_other_kind_is(error: ApiError) -> None:
    kinds = ServedKinds()
    kinds.record_list(LABELERS, {None: error}, scopes=CLUSTER)
    assert not kinds.serves(LABELERS, "n")
    assert not kinds.serves(LABELERS, None)
    assert kinds.serves(RELAYS, "n")
    assert kinds.served_by_kind == {"Relay": True, "Labeler": False}
    kinds.record_list(LABELERS, {}, scopes=CLUSTER)
    assert kinds.served_by_kind == {"Relay": True, "Labeler": True}


def test_what_is_known_of_a_kind_whose_list_fails_is_served() -> None:
    kinds = ServedKinds()
    kinds.record_list(LABELERS, {None: BROKEN}, scopes=CLUSTER)
    assert kinds.serves(LABELERS, "n")
    assert "conversion webhook failed" in kinds.problems[LABELERS]


def test_a_kind_that_is_refused_in_one_namespace_is_served_in_the_others() -> None:
    namespaces = ServedNamespaces(("one", "two"))
    namespaces.kinds.record_list(LABELERS, {"one": FORBIDDEN}, scopes=["one", "two"])
    assert namespaces.watch_scopes(LABELERS) == ("two",)
    assert namespaces.watch_scopes(RELAYS) == ("one", "two")
    assert not namespaces.serves_kind(LABELERS, "one")
    namespaces.kinds.record_list(LABELERS, {"two": FORBIDDEN}, scopes=["two"])
    assert namespaces.watch_scopes(LABELERS) == ()
    namespaces.record_refusals({"two": "no Role"})
    assert namespaces.watch_scopes(RELAYS) == ("one",)


@pytest.mark.parametrize("error", [FORBIDDEN, BROKEN])
def test_where_it_was_listed_it_is_served_whatever_has_failed_elsewhere(error: ApiError) -> None:
    kinds = ServedKinds()
    kinds.mark_unlisted(LABELERS)
    kinds.record_list(LABELERS, {"one": error}, scopes=["one", "two"])
    assert not kinds.serves(LABELERS, "one")
    assert kinds.serves(LABELERS, "two")
    kinds.record_list(LABELERS, {}, scopes=["one"])
    assert kinds.serves(LABELERS, "one")
    kinds.record_list(LABELERS, {"one": BROKEN}, scopes=["one", "two"])
    assert kinds.serves(LABELERS, "one"), "what is known of it"


def test_it_is_tried_again_soon_and_for_ever() -> None:
    kinds = ServedKinds()
    assert (kinds.to_retry, kinds.retry_seconds) == ([], math.inf)
    pauses = []
    for _ in range(20):
        kinds.record_list(LABELERS, {None: MISSING}, scopes=CLUSTER)
        pauses.append(kinds.retry_seconds)
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_RETRY_SECONDS
    assert kinds.to_retry == [LABELERS]


def test_it_is_told_once_and_then_rarely(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(kinds_module.time, "monotonic", lambda: now)
    caplog.set_level(logging.INFO)
    kinds = ServedKinds()
    for _ in range(100):
        kinds.record_list(LABELERS, {None: MISSING}, scopes=CLUSTER)
        now += 10
    assert [record.message for record in caplog.records] == [
        "Not served: There is no CRD for labelers in version sluice.dev/v1alpha1: install it, as the chart does"
    ]
    now += 3600
    kinds.record_list(LABELERS, {None: MISSING}, scopes=CLUSTER)
    kinds.record_list(LABELERS, {}, scopes=CLUSTER)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]
    assert caplog.records[-1].message == "labelers are served"


def test_a_watch_that_is_begun_anew_is_told_only_if_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(kinds_module.time, "monotonic", lambda: now)
    kinds = ServedKinds()
    kinds.watch_failed(LABELERS, "404")
    assert not kinds.is_watched(LABELERS)
    assert kinds.problems == {}
    now += 11
    assert "can't be watched" in kinds.problems[LABELERS]
    kinds.watch_running(LABELERS)
    assert kinds.problems == {}
    assert kinds.is_watched(LABELERS)


def test_the_end_of_an_engine_is_not_the_end_of_the_process() -> None:
    assert watch_settings().process.ultimate_exiting_timeout is None
