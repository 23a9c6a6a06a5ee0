"""What is said about a source, as its pipeline tells it."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.telemetry.health_report import Report
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import Health, State
from sluice_redis.sink.errors import SinkReason, Trouble
from tests.unit.ingester.given import decoded


@pytest.fixture
async def report() -> Report:
    return Report("relay.test", metrics=Metrics(), pod="pod-1", version="1.2.3")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def batch(events: int, *, age: float = 0.0) -> Batch:
    made = Batch()
    moment = datetime.now(UTC) - timedelta(seconds=age)
    time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made.add(decoded(5, events, time=time), cursor=5, time=time)
    return made


async def test_every_field_of_its_own_and_no_other(report: Report) -> None:
    append = {Health.SEQ, Health.EVENT_TIME, Health.STORED, Health.EVENTS, Health.DEADLETTERS, Health.BATCH}
    others = {field for field in Health if field.startswith(("lost", "reset"))}  # of who loses or sets the cursor
    assert set(report.fields()) == set(Health) - append - others
    assert all(isinstance(value, str) for value in report.fields().values())


async def test_a_trouble_of_redis_hides_what_the_connection_does(report: Report) -> None:
    report.connected_from("5")
    report.streaming()
    report.full("firehose_live is at its high-water mark of 10 entries")
    report.disconnected()
    report.connecting()
    fields = report.fields()
    assert (fields[Health.STATE], fields[Health.REASON]) == ("backpressure", "HighWaterMark")
    report.taken()
    assert report.condition.state is State.CONNECTING


@pytest.mark.parametrize(("lasting", "state"), [(False, State.BACKPRESSURE), (True, State.HALTED)])
async def test_trouble(report: Report, *, lasting: bool, state: State) -> None:
    report.trouble(Trouble(SinkReason.AUTH, "Redis: no", lasting=lasting))
    assert (report.condition.state, report.condition.reason) == (state, "RedisAuth")
    assert report.fields()[Health.LAST_ERROR] == "Redis: no"


async def test_streaming_has_no_reason(report: Report) -> None:
    report.waiting("Http503", "relay.test answered 503", seconds=1)
    assert report.fields()[Health.REASON] == "Http503"
    report.connected_from(None)
    report.streaming()
    fields = report.fields()
    assert (fields[Health.STATE], fields[Health.REASON], fields[Health.MESSAGE]) == ("streaming", "", "")
    assert fields[Health.ERRORS] == "1"


async def test_since_changes_with_the_state_alone(report: Report) -> None:
    report.waiting("Http503", "a", seconds=1)
    since = report.fields()[Health.SINCE]
    time.sleep(0.01)
    report.waiting("Http502", "b", seconds=1)
    assert report.fields()[Health.SINCE] == since
    report.connected_from(None)
    report.streaming()
    assert report.fields()[Health.SINCE] > since


async def test_reconnects_begin_with_the_second_connection(report: Report) -> None:
    assert not report.ever_connected
    report.connected_from(None)
    report.streaming()
    assert report.fields()[Health.RECONNECTS] == "0"
    report.disconnected()
    report.connected_from(None)
    report.streaming()
    assert report.fields()[Health.RECONNECTS] == "1"


async def test_the_rate_is_the_mean_of_the_last_minute(clock: list[float]) -> None:
    report = Report("relay.test", metrics=Metrics(), pod="", version="")
    assert report.fields()[Health.RATE] == ""
    for _ in range(4):  # 100 a second for 20 s
        clock[0] += 5
        report.stored(batch(500), seconds=0.01)
        rate = report.fields()[Health.RATE]
    assert rate == "100.0"
    for _ in range(8):
        clock[0] += 5
        rate = report.fields()[Health.RATE]
    assert rate == "33.3"
    for _ in range(12):
        clock[0] += 5
        rate = report.fields()[Health.RATE]
    assert rate == "0.0"


async def test_lag_grows_unless_connected(clock: list[float]) -> None:
    report = Report("relay.test", metrics=Metrics(), pod="", version="")
    report.connected_from(None)
    report.streaming()
    report.stored(batch(1, age=7), seconds=0.01)
    clock[0] += 50
    assert report.lag == pytest.approx(7, abs=1)  # quiet, not behind
    report.waiting("Http503", "gone", seconds=1)
    assert report.lag == pytest.approx(57, abs=1)


async def test_an_error_that_comes_often_is_counted_often_and_logged_seldom(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    report = Report("relay.test", metrics=Metrics(), pod="", version="")
    for number in range(100):
        report.error("FrameInvalid", f"seq {number}")
    clock[0] += 11
    report.error("FrameInvalid", "seq 100")
    assert report.fields()[Health.ERRORS] == "101"
    assert [record.message for record in caplog.records] == [
        "seq 0",
        "seq 100 (99 errors since the last line are not shown)",
    ]
