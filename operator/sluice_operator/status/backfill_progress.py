"""The conditions and the part of the status that report on a backfill.

A backfill is a job that can take days. Ready reports whether a Relay streams: a listing that waits does not affect it.
So the backfill has its own condition and its own part of the status. Only a problem that a person must solve is also
reported in Ready.
"""

from sluice_operator.api.backfill import BackfillStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.ingester_status import RestartsStatus
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import ConditionDraft, false, true
from sluice_operator.status.fences import fence_fields
from sluice_operator.status.stream_backlog import backlog_fields
from sluice_operator.status.stream_conditions import error_free, stable, suspended, unknown_condition, why_not_running
from sluice_operator.status.stream_numbers import human_rate, without_current_numbers
from sluice_redis.contract import BACKFILL_DONE, SourceState


def backfill_conditions(assessment: Assessment, restarts: RestartsStatus) -> list[ConditionDraft]:
    """The conditions that depend on a backfill."""
    drafts = [stable(assessment, restarts), error_free(assessment), backfill_complete(assessment)]
    return [*drafts, *suspended(assessment)]


def backfill_complete(assessment: Assessment) -> ConditionDraft:
    """BackfillComplete: whether the listing is complete."""
    sink, report = assessment.facts.sink, assessment.report
    if sink is None or sink.failure is not None:
        return unknown_condition(Type.BACKFILL_COMPLETE, assessment)
    stored = sink.health.events if sink.health else None
    if sink.cursor == BACKFILL_DONE:
        return true(Type.BACKFILL_COMPLETE, ConditionReason.LISTED, f"All repos of {assessment.facts.host} are listed")
    if missing := why_not_running(assessment):
        return false(Type.BACKFILL_COMPLETE, *missing)
    if report is None:
        unheard = unknown_condition(Type.BACKFILL_COMPLETE, assessment)
        return false(Type.BACKFILL_COMPLETE, unheard.reason, unheard.message)
    if report.state is not SourceState.STREAMING:
        return false(Type.BACKFILL_COMPLETE, report.reason or ConditionReason.CONNECTING, assessment.message)
    rate = "" if report.rate is None else f", {human_rate(report.rate)}"
    return false(Type.BACKFILL_COMPLETE, ConditionReason.LISTING, f"{stored or 0} repos are listed so far{rate}")


def backfill_status(assessment: Assessment, previous: BackfillStatus | None) -> BackfillStatus | None:
    """The numbers now. While Redis can't be read: those of `previous` that are still valid."""
    sink = assessment.facts.sink
    if sink is None or sink.failure is not None:
        return previous and without_current_numbers(previous)
    health, report = sink.health, assessment.report
    rate = report.rate if report and report.state in {SourceState.STREAMING, SourceState.BACKPRESSURE} else None
    repos, done = health.events if health else None, sink.cursor == BACKFILL_DONE
    return BackfillStatus(
        state=report.state if report else None,
        message=report.message or None if report else None,
        cursor=sink.cursor,
        done=done,
        progress=_progress(repos, done=done),
        repos=repos,
        repos_per_second=rate,
        rate=None if rate is None else human_rate(rate),
        dead_letters=health.dead_letters if health and health.dead_letters is not None else sink.dead_letters,
        last_error=health.last_error or None if health else None,
        last_error_time=health.last_error_time if health else None,
        version=report.version or None if report else None,
        updated_at=assessment.facts.now,
        **backlog_fields(sink),
        **fence_fields(assessment, previous),
    )


def _progress(repos: int | None, *, done: bool) -> str | None:
    if done:
        return "done"
    return None if repos is None else f"{repos} repos"
