"""Which kinds are served, each on its own, and what is logged about those that are not."""

import logging
import math

import pytest

from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.informers.informers import _kopf_settings as watch_settings
from sluice_operator.kubernetes.served_kinds import MAX_RETRY_SECONDS
from tests.fakes.served import served_kinds, served_namespaces
from tests.fakes.stepped_clock import SteppedClock

RELAYS = RELAY.resource
LABELERS = LABELER.resource

MISSING = ApiError(404, "NotFound", "404 page not found")
FORBIDDEN = ApiError(403, "Forbidden", 'cannot list resource "labelers"')
BROKEN = ApiError(500, "InternalError", "conversion webhook failed")
CLUSTER = [None]


def test_a_kind_that_is_not_listed_yet_is_not_served() -> None:
    kinds = served_kinds()
    assert kinds.serves(RELAYS, "n")
    kinds.mark_unlisted(RELAYS)
    assert not kinds.serves(RELAYS, "n")
    assert kinds.serves(LABELERS, "n")
    kinds.record_list(RELAYS, {}, scopes=CLUSTER)
    assert kinds.serves(RELAYS, "n")


@pytest.mark.parametrize("error", [MISSING, FORBIDDEN])
def test_a_kind_that_is_refused_is_not_served_and_the_other_is(error: ApiError) -> None:
    kinds = served_kinds()
    kinds.record_list(LABELERS, {None: error}, scopes=CLUSTER)
    assert not kinds.serves(LABELERS, "n")
    assert not kinds.serves(LABELERS, None)
    assert kinds.serves(RELAYS, "n")
    assert kinds.served_by_kind == {"Relay": True, "Labeler": False}
    kinds.record_list(LABELERS, {}, scopes=CLUSTER)
    assert kinds.served_by_kind == {"Relay": True, "Labeler": True}


def test_a_kind_whose_list_fails_is_served_from_the_cache() -> None:
    kinds = served_kinds()
    kinds.record_list(LABELERS, {None: BROKEN}, scopes=CLUSTER)
    assert kinds.serves(LABELERS, "n")
    assert "conversion webhook failed" in kinds.problems[LABELERS]


def test_a_kind_that_is_refused_in_one_namespace_is_served_in_the_others() -> None:
    namespaces = served_namespaces("one", "two")
    namespaces.kinds.record_list(LABELERS, {"one": FORBIDDEN}, scopes=["one", "two"])
    assert namespaces.watch_scopes(LABELERS) == ("two",)
    assert namespaces.watch_scopes(RELAYS) == ("one", "two")
    assert not namespaces.serves_kind(LABELERS, "one")
    namespaces.kinds.record_list(LABELERS, {"two": FORBIDDEN}, scopes=["two"])
    assert namespaces.watch_scopes(LABELERS) == ()
    namespaces.record_refusals({"two": "no Role"})
    assert namespaces.watch_scopes(RELAYS) == ("one",)


@pytest.mark.parametrize("error", [FORBIDDEN, BROKEN])
def test_a_kind_is_served_in_each_namespace_where_it_was_listed(error: ApiError) -> None:
    kinds = served_kinds()
    kinds.mark_unlisted(LABELERS)
    kinds.record_list(LABELERS, {"one": error}, scopes=["one", "two"])
    assert not kinds.serves(LABELERS, "one")
    assert kinds.serves(LABELERS, "two")
    kinds.record_list(LABELERS, {}, scopes=["one"])
    assert kinds.serves(LABELERS, "one")
    kinds.record_list(LABELERS, {"one": BROKEN}, scopes=["one", "two"])
    assert kinds.serves(LABELERS, "one"), "from the cache"


def test_a_failed_list_is_retried_without_end() -> None:
    kinds = served_kinds()
    assert (kinds.to_retry, kinds.retry_seconds) == ([], math.inf)
    pauses = []
    for _ in range(20):
        kinds.record_list(LABELERS, {None: MISSING}, scopes=CLUSTER)
        pauses.append(kinds.retry_seconds)
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_RETRY_SECONDS
    assert kinds.to_retry == [LABELERS]


def test_a_problem_is_logged_once_and_then_rarely(caplog: pytest.LogCaptureFixture) -> None:
    clock = SteppedClock()
    caplog.set_level(logging.INFO)
    kinds = served_kinds(clock)
    for _ in range(100):
        kinds.record_list(LABELERS, {None: MISSING}, scopes=CLUSTER)
        clock.advance(10)
    assert [record.message for record in caplog.records] == [
        "Not served: There is no CRD for labelers in version sluice.dev/v1alpha1: install it, as the chart does"
    ]
    clock.advance(3600)
    kinds.record_list(LABELERS, {None: MISSING}, scopes=CLUSTER)
    kinds.record_list(LABELERS, {}, scopes=CLUSTER)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]
    assert caplog.records[-1].message == "labelers are served"


def test_a_failed_watch_is_reported_only_if_it_lasts() -> None:
    clock = SteppedClock()
    kinds = served_kinds(clock)
    kinds.watch_failed(LABELERS, "404")
    assert not kinds.is_watched(LABELERS)
    assert kinds.problems == {}
    clock.advance(11)
    assert "can't be watched" in kinds.problems[LABELERS]
    kinds.watch_running(LABELERS)
    assert kinds.problems == {}
    assert kinds.is_watched(LABELERS)


def test_kopf_does_not_end_the_process_when_a_watch_ends() -> None:
    assert watch_settings(KINDS.watched).process.ultimate_exiting_timeout is None
