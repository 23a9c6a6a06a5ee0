"""The conditions of one stream.

A condition is True or False only if that was observed. Otherwise it is Unknown.
"""

from collections.abc import Mapping
from typing import Final

from sluice_common.times import human_duration
from sluice_operator.api.conditions import Condition, ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.ingester_status import RestartsStatus
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import ConditionDraft, false, true, unknown
from sluice_operator.status.contested_condition import children_contested
from sluice_operator.status.cursor_resets import is_seq
from sluice_redis.contract import CURSOR_LIVE, SourceState

_FAILURE_REASONS: Final = {
    SinkReadFailure.UNREACHABLE: ConditionReason.SINK_UNREACHABLE,
    SinkReadFailure.UNAUTHORIZED: ConditionReason.SINK_UNAUTHORIZED,
    SinkReadFailure.URL_INVALID: ConditionReason.SINK_URL_INVALID,
    SinkReadFailure.ANSWERED_ERROR: ConditionReason.SINK_ERROR,
    SinkReadFailure.SECRET_UNREAD: ConditionReason.API_SERVER_UNAVAILABLE,
}

_QUIET_SECONDS: Final = 300
"""The seconds without an event after which a source without a limit is called quiet."""

_RECOVERING: Final = "Redis is back, but the ingester has not written to it yet"


def stream_conditions(
    assessment: Assessment, restarts: RestartsStatus, previous: Mapping[str, Condition]
) -> list[ConditionDraft]:
    """All conditions except Ready, Reconciling and Stalled. `previous` are those of the previous status."""
    drafts = [
        connected(assessment),
        cursor_valid(assessment),
        events_flowing(assessment),
        stable(assessment, restarts),
        error_free(assessment),
        sink_writable(assessment, previous.get(Type.SINK_WRITABLE)),
    ]
    return [
        *drafts,
        *children_contested(assessment.facts, previous.get(Type.CHILDREN_CONTESTED)),
        *suspended(assessment),
    ]


def suspended(assessment: Assessment) -> list[ConditionDraft]:
    """Suspended: the ingester has stopped, as requested by spec.suspend. Empty if not."""
    if assessment.facts.suspended and assessment.stopped:
        return [true(Type.SUSPENDED, ConditionReason.SUSPENDED, "spec.suspend is true")]
    return []


def connected(assessment: Assessment) -> ConditionDraft:
    """Connected: whether the ingester has a connection to its source."""
    if missing := why_not_running(assessment):
        return false(Type.CONNECTED, *missing)
    report = assessment.report
    if report is None:
        return unknown_condition(Type.CONNECTED, assessment)
    if report.state is SourceState.STREAMING:
        return true(Type.CONNECTED, ConditionReason.STREAMING, f"Connected to {assessment.facts.host}")
    if report.state is SourceState.BACKPRESSURE:
        return unknown(
            Type.CONNECTED, ConditionReason.BACKPRESSURE, "Not reading from the source until Redis takes events"
        )
    usual = {SourceState.WAITING: ConditionReason.RECONNECTING, SourceState.HALTED: ConditionReason.HALTED}
    reason = usual.get(report.state, ConditionReason.CONNECTING) if report.state else ConditionReason.CONNECTING
    return false(Type.CONNECTED, report.reason or reason, assessment.message)


def events_flowing(assessment: Assessment) -> ConditionDraft:
    """EventsFlowing: whether events reach Redis."""
    if missing := why_not_running(assessment):
        return false(Type.EVENTS_FLOWING, *missing)
    report = assessment.report
    if report is None:
        return unknown_condition(Type.EVENTS_FLOWING, assessment)
    if report.state is not SourceState.STREAMING:
        reason = (
            ConditionReason.BACKPRESSURE if report.state is SourceState.BACKPRESSURE else ConditionReason.NOT_CONNECTED
        )
        return false(Type.EVENTS_FLOWING, reason, assessment.message)
    window = assessment.facts.windows.quiet_after_seconds or _QUIET_SECONDS
    if report.stored is None or assessment.age(report.stored) > window:
        if assessment.may_be_quiet:
            message = "Connected. The source has sent nothing for a while, which is normal for it"
            return true(Type.EVENTS_FLOWING, ConditionReason.QUIET, message)
        message = f"The source has sent nothing to store for over {human_duration(window)}"
        return false(Type.EVENTS_FLOWING, ConditionReason.QUIET, message if report.stored else "Nothing was stored yet")
    return true(Type.EVENTS_FLOWING, ConditionReason.FLOWING, "Events are being stored")


def cursor_valid(assessment: Assessment) -> ConditionDraft:
    """CursorValid: whether the cursor in Redis is a sequence number that the source accepts."""
    sink, report = assessment.facts.sink, assessment.report
    if sink is None or sink.failure is not None:
        return unknown_condition(Type.CURSOR_VALID, assessment)
    if report is not None and report.state is SourceState.HALTED and not _halted_by_sink(report):
        return false(Type.CURSOR_VALID, report.reason or ConditionReason.HALTED, assessment.message)
    if sink.cursor is None:
        return unknown(Type.CURSOR_VALID, ConditionReason.NO_CURSOR, "No cursor is stored yet")
    if sink.cursor == CURSOR_LIVE:
        return unknown(
            Type.CURSOR_VALID, ConditionReason.NO_CURSOR, "The cursor is set to live, and nothing was stored since"
        )
    if not is_seq(sink.cursor):
        message = (
            f"{sink.cursor[:40]!r} is not a sequence number. Set spec.cursor, or set or delete the cursor's key in "
            "Redis: the ingester follows by itself"
        )
        return false(Type.CURSOR_VALID, ConditionReason.CURSOR_MALFORMED, message)
    return true(Type.CURSOR_VALID, ConditionReason.CURSOR_STORED, "The cursor is a sequence number of the source")


def stable(assessment: Assessment, restarts: RestartsStatus) -> ConditionDraft:
    """Stable: whether the ingester stays up."""
    if not assessment.should_run:
        return unknown(Type.STABLE, *_why_idle(assessment))
    window = assessment.facts.windows.stable_window_seconds
    last = restarts.last_time
    if last is not None and (assessment.facts.now - last).total_seconds() < window:
        how = restarts.last_reason or "unknown reason"
        code = "" if restarts.last_exit_code is None else f", exit code {restarts.last_exit_code}"
        message = f"Restarted less than {human_duration(window)} ago: {how}{code}"
        return false(Type.STABLE, ConditionReason.RESTARTED_RECENTLY, message)
    if not assessment.running:
        return unknown(Type.STABLE, ConditionReason.POD_NOT_RUNNING, "The ingester is not running")
    return true(Type.STABLE, ConditionReason.NO_RECENT_RESTARTS, f"No restart in the last {human_duration(window)}")


def error_free(assessment: Assessment) -> ConditionDraft:
    """ErrorFree: whether the ingester had no error recently."""
    if not assessment.should_run:
        return unknown(Type.ERROR_FREE, *_why_idle(assessment))
    report = assessment.report
    if report is None:
        return unknown_condition(Type.ERROR_FREE, assessment)
    window = assessment.facts.windows.stable_window_seconds
    when = report.last_error_time
    if when is not None and assessment.age(when) < window:
        return false(Type.ERROR_FREE, ConditionReason.RECENT_ERRORS, report.last_error or "Read the ingester's log")
    return true(Type.ERROR_FREE, ConditionReason.NO_RECENT_ERRORS, f"No error in the last {human_duration(window)}")


def sink_writable(  # noqa: PLR0911 (one return for each kind of situation)
    assessment: Assessment, previous: Condition | None
) -> ConditionDraft:
    """SinkWritable: whether Redis takes what the ingester writes.

    A reported problem stays until an ingester has tried again, because a restart does not free space in Redis.
    """
    facts, report = assessment.facts, assessment.report
    if facts.sink is None:
        return unknown(Type.SINK_WRITABLE, *_without_url(assessment, facts.secret.problem))
    if facts.sink.failure is SinkReadFailure.SECRET_UNREAD:
        return unknown(Type.SINK_WRITABLE, _FAILURE_REASONS[facts.sink.failure], facts.sink.failure_message)
    if facts.sink.failure is not None:
        return false(Type.SINK_WRITABLE, _FAILURE_REASONS[facts.sink.failure], facts.sink.failure_message)
    if report is not None and (report.state is SourceState.BACKPRESSURE or _halted_by_sink(report)):
        return false(Type.SINK_WRITABLE, report.reason or ConditionReason.BACKPRESSURE, assessment.message)
    if assessment.recovering:
        return false(Type.SINK_WRITABLE, ConditionReason.SINK_UNREACHABLE, _RECOVERING)
    if not assessment.should_run:
        return unknown(Type.SINK_WRITABLE, *_why_idle(assessment))
    if report is None and previous is not None and _is_refused(previous):
        return false(Type.SINK_WRITABLE, previous.reason, previous.message)
    if assessment.silent:
        return unknown_condition(Type.SINK_WRITABLE, assessment)
    return true(Type.SINK_WRITABLE, ConditionReason.SINK_REACHABLE, "Redis answers")


def _is_refused(writable: Condition) -> bool:
    """Whether an ingester reported that Redis takes nothing. A problem that the operator found does not count."""
    return writable.status == ConditionStatus.FALSE and writable.reason not in _FAILURE_REASONS.values()


def _halted_by_sink(report: HealthFacts) -> bool:
    """Whether the ingester has halted because of Redis, and not because of the cursor."""
    return report.state is SourceState.HALTED and report.reason.startswith("Redis")


def why_not_running(assessment: Assessment) -> tuple[str, str] | None:
    """Reason and message why no ingester runs. None if one runs."""
    if not assessment.should_run:
        return _why_idle(assessment)
    if not assessment.running:
        return ConditionReason.POD_NOT_RUNNING, "The ingester is not running"
    return None


def _why_idle(assessment: Assessment) -> tuple[str, str]:
    if assessment.facts.suspended:
        return ConditionReason.SUSPENDED, "spec.suspend is true"
    if assessment.is_requested:
        return _other_owner(assessment)
    return ConditionReason.NOTHING_TO_RUN, "The spec enables no stream"


def _other_owner(assessment: Assessment) -> tuple[str, str]:
    return ConditionReason.DUPLICATE_SOURCE, f"The cursor belongs to {assessment.facts.owner}"


def _without_url(assessment: Assessment, message: str) -> tuple[str, str]:
    return _other_owner(assessment) if assessment.facts.owner else (ConditionReason.SECRET_MISSING, message)


def unknown_condition(kind: Type, assessment: Assessment) -> ConditionDraft:
    """The condition `kind` with the status Unknown, and the reason."""
    sink = assessment.facts.sink
    if sink is None:
        return unknown(kind, *_without_url(assessment, "Redis can't be read without its URL"))
    if sink.failure is not None:
        return unknown(kind, _FAILURE_REASONS[sink.failure], "Redis can't be read")
    if assessment.recovering:
        return unknown(kind, ConditionReason.SINK_UNREACHABLE, _RECOVERING)
    if assessment.silent:
        message = f"The ingester has not reported for {human_duration(FRESH_SECONDS)}"
        return unknown(kind, ConditionReason.NOT_REPORTING, message)
    if assessment.running:
        return unknown(kind, ConditionReason.CONNECTING, "The ingester has started and has not reported yet")
    return unknown(kind, ConditionReason.NOT_OBSERVED, "The ingester is not running")
