"""The health report of a source, as its pipeline updates it."""

from datetime import timedelta

import pytest

from sluice_common.times import format_time
from sluice_ingester.batches.batch import Batch
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import HealthField, SourceState
from sluice_redis.sink.errors import SinkFailure, SinkReason
from tests.fakes.clock import FakeClock
from tests.unit.ingester.decoded_frames import decoded


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def report(clock: FakeClock) -> HealthReport:
    return HealthReport("relay.test", metrics=Metrics(), pod="pod-1", version="1.2.3", clock=clock)


def batch(clock: FakeClock, events: int, *, age: float = 0.0) -> Batch:
    made = Batch()
    moment = clock.now() - timedelta(seconds=age)
    time = format_time(moment)
    made.add(decoded(5, events, time=time), cursor=5, event_time=time)
    return made


async def test_the_report_has_all_fields_but_those_of_the_append_and_the_cursor(report: HealthReport) -> None:
    append = {
        HealthField.SEQ,
        HealthField.EVENT_TIME,
        HealthField.STORED,
        HealthField.EVENTS,
        HealthField.DEADLETTERS,
        HealthField.BATCH,
    }
    others = {field for field in HealthField if field.startswith(("lost", "reset"))}  # of losses and cursor resets
    assert set(report.fields()) == set(HealthField) - append - others
    assert all(isinstance(value, str) for value in report.fields().values())


async def test_a_redis_failure_is_reported_before_the_connection_state(report: HealthReport) -> None:
    report.connected_from("5")
    report.streaming()
    report.stream_full("firehose_live is at its high-water mark of 10 entries")
    report.disconnected()
    report.connecting()
    fields = report.fields()
    assert (fields[HealthField.STATE], fields[HealthField.REASON]) == ("backpressure", "HighWaterMark")
    report.sink_recovered()
    assert report.condition.state is SourceState.CONNECTING


@pytest.mark.parametrize(("lasting", "state"), [(False, SourceState.BACKPRESSURE), (True, SourceState.HALTED)])
async def test_a_lasting_redis_failure_is_halted_another_is_backpressure(
    report: HealthReport, *, lasting: bool, state: SourceState
) -> None:
    report.sink_failed(SinkFailure(SinkReason.AUTH, "Redis: no", permanent=lasting))
    assert (report.condition.state, report.condition.reason) == (state, "RedisAuth")
    assert report.fields()[HealthField.LAST_ERROR] == "Redis: no"


async def test_streaming_has_no_reason(report: HealthReport) -> None:
    report.waiting("Http503", "relay.test answered 503", seconds=1)
    assert report.fields()[HealthField.REASON] == "Http503"
    report.connected_from(None)
    report.streaming()
    fields = report.fields()
    assert (fields[HealthField.STATE], fields[HealthField.REASON], fields[HealthField.MESSAGE]) == ("streaming", "", "")
    assert fields[HealthField.ERRORS] == "1"


async def test_since_changes_only_with_the_state(report: HealthReport, clock: FakeClock) -> None:
    report.waiting("Http503", "a", seconds=1)
    since = report.fields()[HealthField.SINCE]
    clock.pass_by(0.01)
    report.waiting("Http502", "b", seconds=1)
    assert report.fields()[HealthField.SINCE] == since
    clock.pass_by(0.01)
    report.connected_from(None)
    report.streaming()
    assert report.fields()[HealthField.SINCE] > since


async def test_reconnects_count_from_the_second_connection(report: HealthReport) -> None:
    assert not report.ever_connected
    report.connected_from(None)
    report.streaming()
    assert report.fields()[HealthField.RECONNECTS] == "0"
    report.disconnected()
    report.connected_from(None)
    report.streaming()
    assert report.fields()[HealthField.RECONNECTS] == "1"


async def test_the_rate_is_the_mean_of_the_last_minute(report: HealthReport, clock: FakeClock) -> None:
    assert report.fields()[HealthField.RATE] == ""
    for _ in range(4):  # 100 a second for 20 s
        clock.pass_by(5)
        report.batch_stored(batch(clock, 500), seconds=0.01)
        rate = report.fields()[HealthField.RATE]
    assert rate == "100.0"
    for _ in range(8):
        clock.pass_by(5)
        rate = report.fields()[HealthField.RATE]
    assert rate == "33.3"
    for _ in range(12):
        clock.pass_by(5)
        rate = report.fields()[HealthField.RATE]
    assert rate == "0.0"


async def test_lag_grows_unless_connected(report: HealthReport, clock: FakeClock) -> None:
    report.connected_from(None)
    report.streaming()
    report.batch_stored(batch(clock, 1, age=7), seconds=0.01)
    clock.pass_by(50)
    assert report.lag == pytest.approx(7, abs=1)  # quiet, not behind
    report.waiting("Http503", "gone", seconds=1)
    assert report.lag == pytest.approx(57, abs=1)


async def test_a_frequent_error_is_counted_each_time_and_logged_rarely(
    report: HealthReport, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        report.error("FrameInvalid", f"seq {number}")
    clock.pass_by(11)
    report.error("FrameInvalid", "seq 100")
    assert report.fields()[HealthField.ERRORS] == "101"
    assert [record.message for record in caplog.records] == [
        "seq 0",
        "seq 100 (99 errors since the last line are not shown)",
    ]


async def test_unknown_types_of_messages_are_counted_and_each_is_logged_once(
    report: HealthReport, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        report.unknown_message("#novel")
        report.unknown_message(f"#novel{number % 2}")
    assert report.metrics.unknown_messages.labels("relay.test")._value.get() == 6
    assert [record.message.split("'")[1] for record in caplog.records] == ["#novel", "#novel0", "#novel1"]
    assert report.fields()[HealthField.ERRORS] == "0"
    for number in range(1000):
        report.unknown_message(f"#many{number}")
    assert len(caplog.records) == 20
