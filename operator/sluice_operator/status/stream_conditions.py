"""The conditions that each tell one aspect, so that none of them has to be folded into Ready.

Each says True or False only of what was seen, and Unknown of the rest.
"""

from collections.abc import Mapping
from typing import Final

from sluice_common.times import human_duration
from sluice_operator.api.conditions import Condition, ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.stream import Restarts
from sluice_operator.observed.facts import HealthFacts, SinkTrouble
from sluice_operator.status.condition_times import Draft, false, true, unknown
from sluice_operator.status.contested_condition import children_contested
from sluice_operator.status.current_pod import FRESH_SECONDS, Reading
from sluice_operator.status.cursor_resets import is_seq
from sluice_operator.status.reasons import Reason
from sluice_redis.contract import CURSOR_LIVE, State

_TROUBLES: Final = {
    SinkTrouble.UNREACHABLE: Reason.SINK_UNREACHABLE,
    SinkTrouble.UNAUTHORIZED: Reason.SINK_UNAUTHORIZED,
    SinkTrouble.URL_INVALID: Reason.SINK_URL_INVALID,
    SinkTrouble.ANSWERED_ERROR: Reason.SINK_ERROR,
    SinkTrouble.SECRET_UNREAD: Reason.API_SERVER_UNAVAILABLE,
}

_QUIET_SECONDS: Final = 300
"""When a source that may be quiet for as long as it likes is said to be."""

_RECOVERING: Final = "Redis is back, and the ingester has not written to it yet"


def aspects(reading: Reading, restarts: Restarts, previous: Mapping[str, Condition]) -> list[Draft]:
    """All conditions except Ready, Reconciling and Stalled; `previous` are those before this look."""
    drafts = [
        connected(reading),
        cursor_valid(reading),
        events_flowing(reading),
        stable(reading, restarts),
        error_free(reading),
        sink_writable(reading, previous.get(Type.SINK_WRITABLE)),
    ]
    return [*drafts, *children_contested(reading.facts, previous.get(Type.CHILDREN_CONTESTED)), *suspended(reading)]


def suspended(reading: Reading) -> list[Draft]:
    """Whether the ingester has stopped, as asked; nothing if nobody asked."""
    if reading.facts.suspended and reading.stopped:
        return [true(Type.SUSPENDED, Reason.SUSPENDED, "spec.suspend is true")]
    return []


def connected(reading: Reading) -> Draft:
    """Whether the ingester has a connection to its source."""
    if missing := absence(reading):
        return false(Type.CONNECTED, *missing)
    report = reading.report
    if report is None:
        return untold(Type.CONNECTED, reading)
    if report.state is State.STREAMING:
        return true(Type.CONNECTED, Reason.STREAMING, f"Connected to {reading.facts.host}")
    if report.state is State.BACKPRESSURE:
        return unknown(Type.CONNECTED, Reason.BACKPRESSURE, "Not reading from the source until Redis takes events")
    usual = {State.WAITING: Reason.RECONNECTING, State.HALTED: Reason.HALTED}
    reason = usual.get(report.state, Reason.CONNECTING) if report.state else Reason.CONNECTING
    return false(Type.CONNECTED, report.reason or reason, reading.words)


def events_flowing(reading: Reading) -> Draft:
    """Whether events reach Redis."""
    if missing := absence(reading):
        return false(Type.EVENTS_FLOWING, *missing)
    report = reading.report
    if report is None:
        return untold(Type.EVENTS_FLOWING, reading)
    if report.state is not State.STREAMING:
        reason = Reason.BACKPRESSURE if report.state is State.BACKPRESSURE else Reason.NOT_CONNECTED
        return false(Type.EVENTS_FLOWING, reason, reading.words)
    window = reading.facts.windows.quiet_after_seconds or _QUIET_SECONDS
    if report.stored is None or reading.age(report.stored) > window:
        if reading.rests:
            message = "Connected; the source has given nothing for a while, which is usual of it"
            return true(Type.EVENTS_FLOWING, Reason.QUIET, message)
        message = f"The source has sent nothing to store for over {human_duration(window)}"
        return false(Type.EVENTS_FLOWING, Reason.QUIET, message if report.stored else "Nothing was stored yet")
    return true(Type.EVENTS_FLOWING, Reason.FLOWING, "Events are being stored")


def cursor_valid(reading: Reading) -> Draft:
    """Whether what stands in Redis as the cursor is a sequence number that the source takes."""
    sink, report = reading.facts.sink, reading.report
    if sink is None or sink.trouble is not None:
        return untold(Type.CURSOR_VALID, reading)
    if report is not None and report.state is State.HALTED and not _halted_by_sink(report):
        return false(Type.CURSOR_VALID, report.reason or Reason.HALTED, reading.words)
    if sink.cursor is None:
        return unknown(Type.CURSOR_VALID, Reason.NO_CURSOR, "Nothing is stored yet")
    if sink.cursor == CURSOR_LIVE:
        return unknown(Type.CURSOR_VALID, Reason.NO_CURSOR, "Set to live: nothing is stored since")
    if not is_seq(sink.cursor):
        message = (
            f"{sink.cursor[:40]!r} is not a sequence number: set or delete the cursor's key in Redis, "
            "the ingester follows by itself"
        )
        return false(Type.CURSOR_VALID, Reason.CURSOR_MALFORMED, message)
    return true(Type.CURSOR_VALID, Reason.CURSOR_STORED, "A sequence number that the source gave")


def stable(reading: Reading, restarts: Restarts) -> Draft:
    """Whether the ingester stays up."""
    if not reading.wanted:
        return unknown(Type.STABLE, *_rest(reading))
    window = reading.facts.windows.stable_window_seconds
    last = restarts.last_time
    if last is not None and (reading.facts.now - last).total_seconds() < window:
        how = restarts.last_reason or "unknown reason"
        code = "" if restarts.last_exit_code is None else f", exit code {restarts.last_exit_code}"
        message = f"Restarted less than {human_duration(window)} ago: {how}{code}"
        return false(Type.STABLE, Reason.RESTARTED_RECENTLY, message)
    if not reading.running:
        return unknown(Type.STABLE, Reason.POD_NOT_RUNNING, "The ingester is not running")
    return true(Type.STABLE, Reason.NO_RECENT_RESTARTS, f"No restart in the last {human_duration(window)}")


def error_free(reading: Reading) -> Draft:
    """Whether the ingester has met no error of late."""
    if not reading.wanted:
        return unknown(Type.ERROR_FREE, *_rest(reading))
    report = reading.report
    if report is None:
        return untold(Type.ERROR_FREE, reading)
    window = reading.facts.windows.stable_window_seconds
    when = report.last_error_time
    if when is not None and reading.age(when) < window:
        return false(Type.ERROR_FREE, Reason.RECENT_ERRORS, report.last_error or "See the ingester's logs")
    return true(Type.ERROR_FREE, Reason.NO_RECENT_ERRORS, f"No error in the last {human_duration(window)}")


def sink_writable(  # noqa: PLR0911 (one return for each kind of situation)
    reading: Reading, previous: Condition | None
) -> Draft:
    """Whether Redis takes what the ingester writes. What an ingester has said against it stands until one has had
    another try: a restart makes no room in Redis.
    """
    facts, report = reading.facts, reading.report
    if facts.sink is None:
        return unknown(Type.SINK_WRITABLE, *_without_url(reading, facts.secret.problem))
    if facts.sink.trouble is SinkTrouble.SECRET_UNREAD:
        return unknown(Type.SINK_WRITABLE, _TROUBLES[facts.sink.trouble], facts.sink.trouble_message)
    if facts.sink.trouble is not None:
        return false(Type.SINK_WRITABLE, _TROUBLES[facts.sink.trouble], facts.sink.trouble_message)
    if report is not None and (report.state is State.BACKPRESSURE or _halted_by_sink(report)):
        return false(Type.SINK_WRITABLE, report.reason or Reason.BACKPRESSURE, reading.words)
    if reading.recovering:
        return false(Type.SINK_WRITABLE, Reason.SINK_UNREACHABLE, _RECOVERING)
    if not reading.wanted:
        return unknown(Type.SINK_WRITABLE, *_rest(reading))
    if report is None and previous is not None and _is_refused(previous):
        return false(Type.SINK_WRITABLE, previous.reason, previous.message)
    if reading.silent:
        return untold(Type.SINK_WRITABLE, reading)
    return true(Type.SINK_WRITABLE, Reason.SINK_REACHABLE, "Redis answers")


def _is_refused(writable: Condition) -> bool:
    """Whether an ingester has found that Redis takes nothing; the operator's own troubles end with its own look."""
    return writable.status == ConditionStatus.FALSE and writable.reason not in _TROUBLES.values()


def _halted_by_sink(report: HealthFacts) -> bool:
    """Whether the ingester has halted because of Redis; else it is because of the cursor."""
    return report.state is State.HALTED and report.reason.startswith("Redis")


def absence(reading: Reading) -> tuple[str, str] | None:
    """Why there is no ingester, if there is none."""
    if not reading.wanted:
        return _rest(reading)
    if not reading.running:
        return Reason.POD_NOT_RUNNING, "The ingester is not running"
    return None


def _rest(reading: Reading) -> tuple[str, str]:
    if reading.facts.suspended:
        return Reason.SUSPENDED, "spec.suspend is true"
    if reading.asked:
        return _other_owner(reading)
    return Reason.NOTHING_TO_RUN, "The spec asks for no stream"


def _other_owner(reading: Reading) -> tuple[str, str]:
    return Reason.DUPLICATE_SOURCE, f"The cursor is that of {reading.facts.owner}"


def _without_url(reading: Reading, message: str) -> tuple[str, str]:
    return _other_owner(reading) if reading.facts.owner else (Reason.SECRET_MISSING, message)


def untold(kind: Type, reading: Reading) -> Draft:
    """The condition of which nothing is known, and why."""
    sink = reading.facts.sink
    if sink is None:
        return unknown(kind, *_without_url(reading, "Redis can't be read without its URL"))
    if sink.trouble is not None:
        return unknown(kind, _TROUBLES[sink.trouble], "Redis can't be read")
    if reading.recovering:
        return unknown(kind, Reason.SINK_UNREACHABLE, _RECOVERING)
    if reading.silent:
        message = f"The ingester has not reported for {human_duration(FRESH_SECONDS)}"
        return unknown(kind, Reason.NOT_REPORTING, message)
    if reading.running:
        return unknown(kind, Reason.CONNECTING, "The ingester has started and not reported yet")
    return unknown(kind, Reason.NOT_OBSERVED, "The ingester is not running")
