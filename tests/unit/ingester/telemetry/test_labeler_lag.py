"""The lag of a source that rests for long: the age of its newest label is no lag."""

from datetime import UTC, datetime, timedelta

import pytest

from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.telemetry import health_report as module
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return datetime.now(UTC).timestamp()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def streaming(*, rests: bool) -> HealthReport:
    """Connected, and an event of a day ago has just been stored."""
    report = HealthReport("ozone.example.com", metrics=Metrics(), pod="pod", version="0", often_quiet=rests)
    report.connected_from("7")
    report.streaming()
    old = datetime.now(UTC) - timedelta(seconds=DAY)
    report.batch_stored(Batch(event_time=old.isoformat()), seconds=0.001)
    return report


def test_old_labels_are_behind_until_no_more_come(clock: Clock) -> None:
    report = streaming(rests=True)
    assert report.lag == pytest.approx(DAY, abs=5)
    clock.now += 61
    assert report.lag == 0


def test_old_events_of_a_relay_stay_behind(clock: Clock) -> None:
    report = streaming(rests=False)
    clock.now += 61
    assert report.lag == pytest.approx(DAY, abs=5)


def test_away_it_is_behind_by_as_much_as_it_is_away(clock: Clock) -> None:
    report = streaming(rests=True)
    clock.now += 7 * DAY
    report.waiting("ConnectFailed", "no route", seconds=1)
    clock.now += 30
    report.connecting()
    clock.now += 10
    assert report.lag == 40
    report.connected_from("7")
    report.streaming()
    assert report.lag == 0
