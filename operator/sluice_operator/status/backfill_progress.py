"""What the status tells of a backfill: a job with an end, beside the stream that has none.

Whether a Relay streams is what Ready says, and a listing that waits for its host or for consumers takes
nothing from that: it may take days, and stands in a condition and a part of the status of its own. Only
what needs a person is told in Ready as well.
"""

from sluice_operator.api.backfill import BackfillStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.stream import Restarts
from sluice_operator.status.condition_times import Draft, false, true
from sluice_operator.status.current_pod import Reading
from sluice_operator.status.fences import fences
from sluice_operator.status.reasons import Reason
from sluice_operator.status.stream_backlog import redis_stream
from sluice_operator.status.stream_conditions import absence, error_free, stable, suspended, untold
from sluice_operator.status.stream_numbers import human_rate, unseen
from sluice_redis.contract import BACKFILL_DONE, State


def backfill_aspects(reading: Reading, restarts: Restarts) -> list[Draft]:
    """The conditions that a backfill has a say in."""
    drafts = [stable(reading, restarts), error_free(reading), backfill_complete(reading)]
    return [*drafts, *suspended(reading)]


def backfill_complete(reading: Reading) -> Draft:
    """Whether the listing has come to its end."""
    sink, report = reading.facts.sink, reading.report
    if sink is None or sink.trouble is not None:
        return untold(Type.BACKFILL_COMPLETE, reading)
    stored = sink.health.events if sink.health else None
    if sink.cursor == BACKFILL_DONE:
        return true(Type.BACKFILL_COMPLETE, Reason.LISTED, f"All repos of {reading.facts.host} are listed")
    if missing := absence(reading):
        return false(Type.BACKFILL_COMPLETE, *missing)
    if report is None:
        unheard = untold(Type.BACKFILL_COMPLETE, reading)
        return false(Type.BACKFILL_COMPLETE, unheard.reason, unheard.message)
    if report.state is not State.STREAMING:
        return false(Type.BACKFILL_COMPLETE, report.reason or Reason.CONNECTING, reading.words)
    rate = "" if report.rate is None else f", {human_rate(report.rate)}"
    return false(Type.BACKFILL_COMPLETE, Reason.LISTING, f"{stored or 0} repos are listed so far{rate}")


def backfill_status(reading: Reading, previous: BackfillStatus | None) -> BackfillStatus | None:
    """The numbers now; while Redis can't be read, what is left of the previous ones."""
    sink = reading.facts.sink
    if sink is None or sink.trouble is not None:
        return previous and unseen(previous)
    health, report = sink.health, reading.report
    rate = report.rate if report and report.state in {State.STREAMING, State.BACKPRESSURE} else None
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
        updated_at=reading.facts.now,
        **redis_stream(sink),
        **fences(reading, previous),
    )


def _progress(repos: int | None, *, done: bool) -> str | None:
    if done:
        return "done"
    return None if repos is None else f"{repos} repos"
