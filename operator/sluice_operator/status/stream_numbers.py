"""The numbers of one stream in the status."""

from datetime import datetime
from typing import Final, TypeVar

from sluice_common.times import human_duration
from sluice_operator.api.ingester_status import IngesterStatus, StreamStatus
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.connection import connection_fields
from sluice_operator.status.cursor_resets import last_gap
from sluice_operator.status.fences import fence_fields
from sluice_operator.status.stream_backlog import backlog_fields
from sluice_redis.contract import SourceState

_READ_UP_SECONDS: Final = 60.0
_CURRENT_ONLY: Final = frozenset(
    {
        "state",
        "message",
        "lag",
        "lag_seconds",
        "newest_event_age_seconds",
        "rate",
        "events_per_second",
        "repos_per_second",
        "stream_length",
        "stream_bytes",
        "consumer_groups",
        "consumers_lag",
    }
)
"""Fields that are valid only at the time of the observation."""

PartT = TypeVar("PartT", bound=IngesterStatus)


def stream_status(assessment: Assessment, previous: StreamStatus | None) -> StreamStatus | None:
    """The numbers now. While Redis can't be read: those of `previous` that are still valid."""
    sink = assessment.facts.sink
    if sink is None or sink.failure is not None:
        return previous and without_current_numbers(previous).model_copy(update=connection_fields(assessment, previous))
    health, report = sink.health, assessment.report
    state = report.state if report else None
    streaming = state is SourceState.STREAMING
    rate = report.rate if report and state in {SourceState.STREAMING, SourceState.BACKPRESSURE} else None
    lag = _lag(assessment, streaming=streaming)
    return StreamStatus(
        state=state,
        message=report.message or None if report and not streaming else None,
        cursor=sink.cursor,
        cursor_time=health.event_time if health else None,
        newest_event_age_seconds=_newest_event_age(assessment),
        lag_seconds=lag,
        lag=None if lag is None else human_duration(lag),
        events_per_second=rate,
        rate=None if rate is None else human_rate(rate),
        events=health.events if health else None,
        dead_letters=health.dead_letters if health and health.dead_letters is not None else sink.dead_letters,
        last_gap=last_gap(health),
        last_error=health.last_error or None if health else None,
        last_error_time=health.last_error_time if health else None,
        version=report.version or None if report else None,
        updated_at=assessment.facts.now,
        **backlog_fields(sink),
        **fence_fields(assessment, previous),
        **connection_fields(assessment, previous),
    )


def without_current_numbers(part: PartT) -> PartT:
    """`part` without the current numbers: an old lag or length would look like the current one."""
    gone = {name: None for name in type(part).model_fields if name in _CURRENT_ONLY}
    return part.model_copy(update=gone)


def human_rate(rate: float) -> str:
    """A rate for people: `0.4/s`, `412/s`."""
    return f"{rate:.1f}/s" if rate < 10 else f"{rate:.0f}/s"


def _newest_event_age(assessment: Assessment) -> int | None:
    """None for a suspended source, whose events nobody waits for."""
    health = assessment.facts.sink.health if assessment.facts.sink else None
    if health is None or health.event_time is None or not assessment.should_run:
        return None
    # Rounded down, so that it reaches a limit when the conditions about it do. One write then tells both.
    return max(0, int((assessment.facts.now - health.event_time).total_seconds()))


def _lag(assessment: Assessment, *, streaming: bool) -> int | None:
    """Seconds from the newest stored event until it was stored, or until now if the ingester does not stream.

    - While it streams, the lag of a quiet source does not grow: what was read is stored.
    - While it does not stream, it is unknown what the source has, so each second counts.
    - A suspended source has no lag, because nobody waits for its events.
    - A source that may be quiet for any time has no lag after a quiet minute. While it is disconnected, its lag is
      unknown.
    """
    health = assessment.facts.sink.health if assessment.facts.sink else None
    if health is None or health.event_time is None or not assessment.should_run:
        return None
    if assessment.may_be_quiet and not streaming:
        return None
    if assessment.may_be_quiet and health.stored and assessment.age(health.stored) > _READ_UP_SECONDS:
        return 0
    until: datetime | None = health.stored if streaming else assessment.facts.now
    return None if until is None else max(0, round((until - health.event_time).total_seconds()))
