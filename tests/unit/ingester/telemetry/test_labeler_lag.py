"""The lag of a quiet labeler: the age of its newest label is not its lag."""

from datetime import timedelta

import pytest

from sluice_ingester.batches.batch import Batch
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from tests.fakes.clock import FakeClock

DAY = 86_400.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def streaming(clock: FakeClock, *, rests: bool) -> HealthReport:
    """Connected, and an event of a day ago has just been stored."""
    report = HealthReport(
        "ozone.example.com", metrics=Metrics(), pod="pod", version="0", often_quiet=rests, clock=clock
    )
    report.connected_from("7")
    report.streaming()
    old = clock.now() - timedelta(seconds=DAY)
    report.batch_stored(Batch(event_time=old.isoformat()), seconds=0.001)
    return report


def test_old_labels_are_lag_until_no_more_arrive(clock: FakeClock) -> None:
    report = streaming(clock, rests=True)
    assert report.lag == pytest.approx(DAY, abs=5)
    clock.pass_by(61)
    assert report.lag == 0


def test_old_events_of_a_relay_stay_lag(clock: FakeClock) -> None:
    report = streaming(clock, rests=False)
    clock.pass_by(61)
    assert report.lag == pytest.approx(DAY, abs=5)


def test_without_a_connection_lag_is_the_time_since_it_ended(clock: FakeClock) -> None:
    report = streaming(clock, rests=True)
    clock.pass_by(7 * DAY)
    report.waiting("ConnectFailed", "no route", seconds=1)
    clock.pass_by(30)
    report.connecting()
    clock.pass_by(10)
    assert report.lag == pytest.approx(40)
    report.connected_from("7")
    report.streaming()
    assert report.lag == 0
