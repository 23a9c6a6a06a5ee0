"""Reading the health hash of an ingester, and the age of its heartbeat."""

from datetime import UTC, datetime, timedelta

import pytest

from sluice_operator.observed.health_hash import health_facts
from sluice_operator.observed.report_age import ReportAges
from sluice_redis.contract import HealthField, SourceState

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
FIELDS: dict[str, str] = {
    HealthField.SEQ: "6322875501",
    HealthField.EVENT_TIME: "2026-11-24T11:59:57.123Z",
    HealthField.STORED: "2026-11-24T11:59:59.000Z",
    HealthField.EVENTS: "1000",
    HealthField.DEADLETTERS: "3",
    HealthField.BATCH: "b",
    HealthField.STATE: "waiting",
    HealthField.REASON: "ConnectionLost",
    HealthField.MESSAGE: "the source closed the connection",
    HealthField.SINCE: "2026-11-24T11:59:59.000Z",
    HealthField.BEAT: "2026-11-24T11:59:58.000Z",
    HealthField.STARTED: "2026-11-24T11:00:00.000Z",
    HealthField.POD: "us-east-firehose-1",
    HealthField.VERSION: "0.1.0",
    HealthField.RATE: "412.3",
    HealthField.RECONNECTS: "2",
    HealthField.FENCED: "1",
    HealthField.ERRORS: "4",
    HealthField.LAST_ERROR: "bad frame",
    HealthField.LAST_ERROR_TIME: "2026-11-24T11:50:00.000Z",
}


def test_every_field_of_the_contract_is_read() -> None:
    facts = health_facts(FIELDS, silent_seconds=2.0)
    assert facts is not None
    assert facts.state is SourceState.WAITING
    assert (facts.pod, facts.reason, facts.message) == (
        "us-east-firehose-1",
        "ConnectionLost",
        "the source closed the connection",
    )
    assert (facts.seq, facts.events, facts.dead_letters) == ("6322875501", 1000, 3)
    assert (facts.rate, facts.reconnects, facts.fenced, facts.errors) == (412.3, 2, 1, 4)
    assert facts.event_time == datetime(2026, 11, 24, 11, 59, 57, 123000, tzinfo=UTC)
    assert None not in (facts.stored, facts.heartbeat, facts.started, facts.last_error_time)
    assert (facts.last_error, facts.version, facts.silent_seconds) == ("bad frame", "0.1.0", 2.0)


def test_no_hash_is_no_report() -> None:
    assert health_facts({}, silent_seconds=None) is None


@pytest.mark.parametrize("junk", ["", "x", "-1", "1e999", "nan", "²", "99999999999999999999x", "9" * 5000])
def test_malformed_fields_are_absent(junk: str) -> None:
    facts = health_facts(dict.fromkeys(FIELDS, junk), silent_seconds=None)
    assert facts is not None
    assert facts.state is None
    assert (facts.events, facts.rate, facts.heartbeat, facts.stored) == (None, None, None, None)


@pytest.mark.parametrize(
    ("written", "read"),
    [("ConnectionLost", "ConnectionLost"), ("no such host", ""), ("9", ""), ("Tür", ""), ("a" * 129, "")],
)
def test_a_reason_is_one_word(written: str, read: str) -> None:
    facts = health_facts({HealthField.REASON: written}, silent_seconds=None)
    assert facts is not None
    assert facts.reason == read


class TestReportAge:
    """The age of a report: by its clock at first, then by when the heartbeat changes."""

    BEAT = NOW - timedelta(seconds=3)

    def test_a_first_heartbeat_has_the_age_of_its_time(self) -> None:
        assert ReportAges().silent_seconds("k", self.BEAT, now=NOW, monotonic=1000.0) == 3.0

    def test_an_old_heartbeat_is_old_from_the_first_read(self) -> None:
        """A new operator process must not treat a dead ingester as a live one."""
        beat = NOW - timedelta(days=1)
        assert ReportAges().silent_seconds("k", beat, now=NOW, monotonic=1000.0) == 86_400.0

    def test_an_unchanged_heartbeat_of_a_clock_ahead_ages(self) -> None:
        freshness, ahead = ReportAges(), NOW + timedelta(hours=1)
        assert freshness.silent_seconds("k", ahead, now=NOW, monotonic=1000.0) == 0.0
        later = NOW + timedelta(seconds=40)
        assert freshness.silent_seconds("k", ahead, now=later, monotonic=1040.0) == 40.0

    def test_a_changing_heartbeat_of_a_clock_behind_is_fresh(self) -> None:
        freshness, behind = ReportAges(), NOW - timedelta(hours=1)
        freshness.silent_seconds("k", behind, now=NOW, monotonic=1000.0)
        moved = behind + timedelta(seconds=5)
        assert freshness.silent_seconds("k", moved, now=NOW, monotonic=1005.0) == 0.0
        assert freshness.silent_seconds("k", moved, now=NOW, monotonic=1009.0) == 4.0

    def test_an_age_by_the_ingesters_clock_alone_is_marked(self) -> None:
        freshness, behind = ReportAges(), NOW - timedelta(hours=1)
        freshness.silent_seconds("k", behind, now=NOW, monotonic=1000.0)
        assert freshness.watched_seconds("k", monotonic=1000.0) == 0.0
        assert freshness.silent_seconds("k", behind, now=NOW, monotonic=1031.0) == 3600.0
        assert freshness.watched_seconds("k", monotonic=1031.0) == 31.0
        freshness.silent_seconds("k", behind + timedelta(seconds=40), now=NOW, monotonic=1040.0)
        assert freshness.watched_seconds("k", monotonic=1045.0) is None

    def test_ages_without_queries_are_evicted(self) -> None:
        freshness, behind = ReportAges(), NOW - timedelta(hours=1)
        for key, moment in (("gone", 1000.0), ("stays", 1000.0), ("stays", 1009.0)):
            freshness.silent_seconds(key, behind, now=NOW, monotonic=moment)
        freshness.evict(before=1005.0)
        assert freshness.watched_seconds("stays", monotonic=1010.0) == 10.0
        assert freshness.watched_seconds("gone", monotonic=1010.0) is None
        freshness.silent_seconds("gone", behind, now=NOW, monotonic=1010.0)
        assert freshness.watched_seconds("gone", monotonic=1010.0) == 0.0

    def test_each_ingester_has_an_age_of_its_own(self) -> None:
        freshness = ReportAges()
        freshness.silent_seconds("a", self.BEAT, now=NOW, monotonic=1000.0)
        assert freshness.silent_seconds("b", self.BEAT, now=NOW, monotonic=2000.0) == 3.0
