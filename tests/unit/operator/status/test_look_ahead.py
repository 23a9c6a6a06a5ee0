"""When a status changes by itself: it is computed for later moments."""

from dataclasses import replace
from typing import Any

import pytest

from sluice_operator.api.health import LabelerHealthSpec
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.desired.labeler_streams import LABELS
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.relay import RELAY
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.status.look_ahead import seconds_until_change
from sluice_operator.status.transitions import is_unchanged
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import ago, facts, health, sink

HORIZON = 600.0
NUMBERS = 30.0


def seconds(kind: Any, found: Facts, previous: SourceStatus) -> float:
    """The seconds until the status changes that a reconcile with these facts writes, however often it is computed."""
    now = kind.source_status([found], previous)
    now = kind.source_status([found], now)  # a condition that depends on the one before
    passed = 0.0

    def status_after(after: float) -> SourceStatus:
        status: SourceStatus = kind.source_status([found.later(passed + after)], now)
        return status

    while is_unchanged(now, status_after(0.0)) and passed < HORIZON:  # as the reconciler does
        passed += seconds_until_change(status_after, now, numbers_seconds=NUMBERS, horizon=HORIZON - passed)
    return passed


def labeler_facts(**changes: Any) -> Facts:
    return facts(component=LABELS, windows=LabelerHealthSpec(), **changes)


def relay_seconds(found: Facts) -> float:
    return seconds(RELAY, found, RELAY.model.model_fields["status"].default)


def test_a_quiet_labeler_changes_only_when_its_age_has_doubled() -> None:
    found = labeler_facts(sink=sink(health=health(stored=ago(4000), event_time=ago(4000))))
    assert seconds(LABELER, found, LABELER.model.model_fields["status"].default) == HORIZON
    found = labeler_facts(sink=sink(health=health(stored=ago(1000), event_time=ago(1000))))
    assert seconds(LABELER, found, LABELER.model.model_fields["status"].default) == pytest.approx(
        200 + NUMBERS / 2, abs=NUMBERS / 2 + 1
    )


def test_a_labeler_is_not_looked_at_before_its_age_has_doubled() -> None:
    """A look would write the length of the stream, which other labelers share."""
    found = labeler_facts(sink=sink(health=health(stored=ago(471), event_time=ago(471))))
    now = LABELER.source_status([found], LABELER.model.model_fields["status"].default)
    pause = seconds_until_change(
        lambda after: LABELER.source_status([found.later(after)], now), now, numbers_seconds=NUMBERS, horizon=HORIZON
    )
    assert 129 <= pause <= 1.1 * 129


def test_a_stream_becomes_quiet() -> None:
    found = facts(sink=sink(health=health(stored=ago(100), event_time=ago(100))))
    assert relay_seconds(found) == pytest.approx(200, abs=3), "300 s after the last event"


def test_an_error_becomes_old() -> None:
    found = facts(sink=sink(health=health(last_error="x", last_error_time=ago(600), stored=ago(1), event_time=ago(1))))
    assert relay_seconds(found) <= 300
    window = found.windows.stable_window_seconds
    quiet = replace(found, windows=found.windows.model_copy(update={"quiet_after_seconds": 100_000}))
    assert relay_seconds(quiet) == pytest.approx(window - 600, abs=3)


def test_an_outage_becomes_degraded_and_its_growing_lag_is_written_at_the_interval() -> None:
    waiting = health(state=SourceState.WAITING, reason="ConnectError", message="refused")
    found = facts(sink=sink(health=waiting))
    streaming = RELAY.source_status([facts()], RELAY.model.model_fields["status"].default)
    assert seconds(RELAY, found, streaming) == pytest.approx(NUMBERS, abs=1)


def test_an_ingester_that_reports_now_is_expected_to_report_later() -> None:
    later = facts().later(300)
    assert later.sink is not None
    assert later.sink.health is not None
    assert later.sink.health.silent_seconds == 2.0


def test_an_ingester_that_is_silent_stays_silent() -> None:
    later = facts(sink=sink(health=health(silent_seconds=40.0, watched_seconds=20.0))).later(5)
    assert later.sink is not None
    assert later.sink.health is not None
    assert (later.sink.health.silent_seconds, later.sink.health.watched_seconds) == (45.0, 25.0)
