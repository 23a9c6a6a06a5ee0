"""Cursor resets and gaps: from the health hash to the status and to Events."""

from dataclasses import replace

from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.health_hash import health_facts
from sluice_operator.status.transitions import is_unchanged, is_urgent, transition_events
from sluice_redis.contract import CURSOR_LIVE, HealthField, SourceState
from tests.unit.operator.status.situations import (
    after,
    conditions,
    facts,
    failed_sink,
    health,
    reporting,
    sink,
    source_status,
)

RESET = {
    HealthField.RESET_NONCE: "first",
    HealthField.RESET_FROM: "6322875501",
    HealthField.RESET_TO: "0",
    HealthField.RESET_AT: "2026-11-24T11:59:00.000Z",
}
OPEN = {
    HealthField.LOST_FROM: "6322875502",
    HealthField.LOST_TO: "",
    HealthField.LOST_FROM_TIME: "2026-11-20T10:00:00.123Z",
    HealthField.LOST_TO_TIME: "",
    HealthField.LOST_AT: "2026-11-24T11:59:00.000Z",
    HealthField.LOST_REASON: "OutdatedCursor",
}
CLOSED = OPEN | {HealthField.LOST_TO: "6322879999", HealthField.LOST_TO_TIME: "2026-11-21T11:59:00.000Z"}


def with_hash(fields: dict[HealthField, str], *, cursor: str = "6322875501") -> Facts:
    """A source that streams, with these additional fields in its health hash."""
    read = health_facts({str(name): value for name, value in fields.items()}, silent_seconds=1.0)
    assert read is not None
    return facts(sink=sink(cursor=cursor, health=replace(health(), gap=read.gap, cursor_reset=read.cursor_reset)))


def events(before: Facts, now: Facts) -> list[tuple[str, str, str]]:
    status = after(before)
    return [(item.type, item.reason, item.message) for item in transition_events(status, source_status([now], status))]


def test_a_reset_records_one_event_and_is_shown_in_cursor_valid() -> None:
    status = after(facts(), with_hash(RESET, cursor="17"))
    assert status.cursor_reset is not None
    assert status.cursor_reset.dump() == {
        "nonce": "first",
        "from": "6322875501",
        "to": "0",
        "at": "2026-11-24T11:59:00Z",
    }
    assert events(facts(), with_hash(RESET, cursor="17")) == [
        ("Normal", "CursorReset", "The cursor was set from 6322875501 to 0, as requested by spec.cursor (nonce first)")
    ]
    assert events(with_hash(RESET), with_hash(RESET)) == []
    assert is_urgent(after(facts()), status)


def test_a_reset_stays_in_the_status_when_redis_loses_it() -> None:
    done = after(with_hash(RESET)).cursor_reset
    assert after(with_hash(RESET), facts()).cursor_reset == done
    assert after(with_hash(RESET), facts(sink=failed_sink(SinkReadFailure.UNREACHABLE))).cursor_reset == done


def test_an_older_reset_does_not_replace_the_newest() -> None:
    older = RESET | {HealthField.RESET_NONCE: "previous", HealthField.RESET_AT: "2026-11-24T11:58:00Z"}
    newer = RESET | {HealthField.RESET_NONCE: "next", HealthField.RESET_AT: "2026-11-24T11:59:30Z"}
    done = after(with_hash(RESET)).cursor_reset
    assert after(with_hash(RESET), with_hash(older)).cursor_reset == done
    following = after(with_hash(RESET), with_hash(newer)).cursor_reset
    assert following is not None
    assert following.nonce == "next"


def test_a_gap_records_an_event_once_its_end_is_known() -> None:
    assert events(facts(), with_hash(OPEN)) == []
    message = (
        "OutdatedCursor: the source no longer had seq 6322875502 to 6322879999, "
        "after 2026-11-20T10:00:00Z, before 2026-11-21T11:59:00Z. The ingester has continued after them. "
        "Fetch what is missing from the repositories, if you need it"
    )
    assert events(with_hash(OPEN), with_hash(CLOSED)) == [("Warning", "EventsLost", message)]
    assert events(with_hash(CLOSED), with_hash(CLOSED)) == []
    gap = after(with_hash(CLOSED)).firehose
    assert gap is not None
    assert gap.dump()["lastGap"] == {
        "fromSeq": "6322875502",
        "toSeq": "6322879999",
        "fromTime": "2026-11-20T10:00:00Z",
        "toTime": "2026-11-21T11:59:00Z",
        "at": "2026-11-24T11:59:00Z",
        "reason": "OutdatedCursor",
    }


def test_a_status_with_a_reset_is_read_back_unchanged() -> None:
    status = after(with_hash(RESET | CLOSED))
    assert is_unchanged(RelayStatus.model_validate(status.dump()), status)


def test_the_live_marker_is_not_a_malformed_cursor() -> None:
    assert conditions(after(facts(sink=sink(cursor=CURSOR_LIVE))))["CursorValid"] == ("Unknown", "NoCursor")


def test_a_redis_that_evicts_is_stalled() -> None:
    status = after(facts(), facts(sink=reporting(SourceState.HALTED, "RedisEvicts", "set it to noeviction")))
    found = conditions(status)
    assert found["Ready"] == ("False", "RedisEvicts")
    assert found["Stalled"] == ("True", "RedisEvicts")
    assert found["SinkWritable"] == ("False", "RedisEvicts")
    assert found["CursorValid"] == ("True", "CursorStored")


def test_an_outdated_cursor_that_halts_is_not_valid() -> None:
    status = after(facts(), facts(sink=reporting(SourceState.HALTED, "OutdatedCursor", "seq 1 to 2 is missing")))
    found = conditions(status)
    assert found["Ready"] == ("False", "OutdatedCursor")
    assert found["Stalled"] == ("True", "OutdatedCursor")
    assert found["CursorValid"] == ("False", "OutdatedCursor")


def test_a_gap_between_two_live_connections_has_only_times() -> None:
    """Without a cursor only the times are known, not the seqs."""
    since = {
        HealthField.LOST_FROM: "",
        HealthField.LOST_FROM_TIME: "2026-11-24T11:00:00.000Z",
        HealthField.LOST_REASON: "NoCursor",
    }
    opened = OPEN | since
    closed = opened | {HealthField.LOST_TO: "6322875400", HealthField.LOST_TO_TIME: "2026-11-24T11:59:00.000Z"}
    assert events(facts(), with_hash(opened)) == []
    message = (
        "NoCursor: what the source sent after 2026-11-24T11:00:00Z, before 2026-11-24T11:59:00Z, may be missing: "
        "there was no connection, and no cursor to continue from. "
        "Fetch what is missing from the repositories, if you need it"
    )
    assert events(with_hash(opened), with_hash(closed)) == [("Warning", "EventsLost", message)]
    gap = after(with_hash(closed)).firehose
    assert gap is not None
    assert gap.dump()["lastGap"] == {
        "toSeq": "6322875400",
        "fromTime": "2026-11-24T11:00:00Z",
        "toTime": "2026-11-24T11:59:00Z",
        "at": "2026-11-24T11:59:00Z",
        "reason": "NoCursor",
    }
