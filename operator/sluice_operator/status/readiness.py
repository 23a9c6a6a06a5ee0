"""The verdict on a source as a whole: the status contract, situation by situation.

Trouble that heals by itself (a source or a Redis that is away for a moment) has its own conditions, and
takes Ready away only when it has lasted for `spec.health.degradedAfterSeconds`. Ready says that the spec
is accepted and the workload does its work; only what needs a person is Stalled.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sluice_common.times import human_duration
from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.desired.naming import Component
from sluice_operator.observed.facts import Facts, HealthFacts, SinkFacts, SinkTrouble
from sluice_operator.status.children_applied import refused, stands
from sluice_operator.status.current_pod import FRESH_SECONDS, Reading
from sluice_operator.status.reasons import Reason
from sluice_operator.status.rollout import rollout_verdict
from sluice_operator.status.verdict import Verdict, coming, good, stuck, stuck_after, waiting, was_ready
from sluice_redis.contract import State

_ADVICE: Final = {
    SinkTrouble.UNAUTHORIZED: (
        "put the right user and password into the URL in the Secret, or give that user the right that it lacks"
    ),
    SinkTrouble.URL_INVALID: "put the URL of a Redis into the Secret, such as redis://:password@redis:6379/0",
}


def judge(reading: Reading, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]) -> Verdict:
    """How the source fares.

    `previous` are the conditions before this look, `current` those of this look that tell one aspect
    each: their transition times say since when something lasts.
    """
    refusal = reading.facts.refusal
    if refusal is None:
        return _judge(reading, previous=previous, current=current)
    if stands(reading, refusal):
        return _judge(reading, previous=previous, current=current)
    return refused(reading, refusal, previous=previous, current=current)


def _judge(  # noqa: PLR0911 (one return for each kind of situation)
    reading: Reading, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> Verdict:
    """How the source fares by what is there."""
    facts = reading.facts
    if reading.asked and facts.owner:
        return _duplicate(facts)
    if not reading.wanted:
        return _at_rest(reading)
    if facts.sink is None:
        lasted = _lasted_as(Reason.SECRET_MISSING, reading, current[Type.SINK_WRITABLE], previous)
        return stuck_after(facts.windows, Reason.SECRET_MISSING, facts.secret.problem, lasted=lasted)
    if facts.sink.trouble is SinkTrouble.URL_INVALID:
        return _without_sink(reading, facts.sink, previous=previous, current=current)
    if verdict := rollout_verdict(reading, previous):
        return verdict
    if facts.sink.trouble is not None or reading.recovering:
        return _without_sink(reading, facts.sink, previous=previous, current=current)
    if reading.report is None:
        return _unheard(reading)
    return _reported(reading, reading.report, previous=previous, current=current)


def _duplicate(facts: Facts) -> Verdict:
    if facts.owner_unseen:
        message = (
            f"{facts.owner} had this cursor when it was last seen, and nobody sees whether it is still there, for the "
            "operator is refused in its namespace: this ingester does not run, for that one may still do. Give the "
            "operator its Role there again (helm upgrade makes it), or take that namespace from the chart's "
            "watchNamespaces if nothing streams there any more"
        )
        return stuck(Reason.DUPLICATE_SOURCE, message)
    if facts.owner_leaves:
        message = (
            f"{facts.owner}, whose cursor it is until then, is being deleted: this ingester runs when that is gone"
        )
        return coming(Reason.DUPLICATE_SOURCE, message)
    message = (
        f"{facts.owner} streams from {facts.host} into the same keys of the same Redis, and is older: this ingester "
        "does not run, for two with one cursor would only hinder each other. Delete one of the two, or give this one "
        "another Redis (spec.redis.secretRef) or other keys (spec.redis.keyPrefix)"
    )
    return stuck(Reason.DUPLICATE_SOURCE, message)


def _at_rest(reading: Reading) -> Verdict:
    if not reading.stopped:
        return coming(Reason.SUSPENDING, "The ingester is stopping")
    if reading.facts.suspended:
        return good(Reason.SUSPENDED, "Suspended by spec.suspend; the cursor is kept")
    return good(Reason.NOTHING_TO_RUN, "The spec asks for no stream")


def _without_sink(
    reading: Reading, sink: SinkFacts, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> Verdict:
    writable = current[Type.SINK_WRITABLE]
    if sink.trouble in _ADVICE:
        message = sink.trouble_message if sink.advised else f"{sink.trouble_message}: {_ADVICE[sink.trouble]}"
        lasted = _lasted_as(writable.reason, reading, writable, previous)
        return stuck_after(reading.facts.windows, writable.reason, message, lasted=lasted)
    return _outage(
        reading,
        lasted=_lasted(reading, writable),
        heals=writable.reason,
        first=writable.reason,
        late=writable.reason,
        message=sink.trouble_message or writable.message,
        previous=previous,
    )


def _unheard(reading: Reading) -> Verdict:
    if reading.silent:
        message = (
            f"The ingester's container runs, but for over {human_duration(FRESH_SECONDS)} it has written no "
            "report to Redis: see its logs, and whether its pod reaches Redis"
        )
        # On a busy node a start takes its time.
        young = _up(reading) < reading.facts.windows.degraded_after_seconds
        return coming(Reason.NOT_REPORTING, message) if young else waiting(Reason.NOT_REPORTING, message)
    return coming(Reason.CONNECTING, "The ingester has started and is about to connect")


def _reported(
    reading: Reading,
    report: HealthFacts,
    *,
    previous: Mapping[str, Condition],
    current: Mapping[str, Condition],
) -> Verdict:
    host = reading.facts.host
    if report.state is State.STREAMING:
        if reading.facts.component is Component.BACKFILL:
            return good(Reason.LISTING, f"Listing the repos of {host}")
        return good(Reason.STREAMING, f"Streaming from {host}")
    if report.state is State.DONE:
        return good(Reason.LISTED, f"All repos of {host} are listed")
    if report.state is State.HALTED:
        return stuck(report.reason or Reason.HALTED, reading.words)
    if report.state is State.BACKPRESSURE:
        reason = report.reason or Reason.BACKPRESSURE
        return _outage(
            reading,
            lasted=_away(reading, report, current[Type.SINK_WRITABLE]),
            heals=reason,
            first=reason,
            late=reason,
            message=reading.words,
            previous=previous if _has_worked(reading, report, previous) else {},
        )
    return _outage(
        reading,
        lasted=_away(reading, report, current[Type.CONNECTED]),
        heals=Reason.RECONNECTING,
        first=Reason.CONNECTING,
        late=Reason.SOURCE_UNAVAILABLE,
        message=reading.words,
        previous=previous,
    )


def _away(reading: Reading, report: HealthFacts, condition: Condition) -> float:
    """For how many seconds nothing has come from the source, or gone to Redis: for so long `condition` has held. A
    backfill has none of its own that would tell.
    """
    if reading.facts.component is Component.BACKFILL and report.stored is not None:
        return min(reading.age(report.stored), _up(reading))
    return _lasted(reading, condition)


def _outage(
    reading: Reading,
    *,
    lasted: float,
    heals: str,
    first: str,
    late: str,
    message: str,
    previous: Mapping[str, Condition],
) -> Verdict:
    """The verdict on trouble that has `lasted` so many seconds and may heal by itself.

    The reason is `heals` while it is an interruption of what has worked, `first` while it has not worked
    yet in this generation of the spec, and `late` when it has lasted too long.
    """
    limit = reading.facts.windows.degraded_after_seconds
    if lasted >= limit:
        return waiting(late, f"For over {human_duration(limit)}: {message}")
    return good(heals, message) if was_ready(previous, generation=reading.facts.generation) else coming(first, message)


def _has_worked(reading: Reading, report: HealthFacts, previous: Mapping[str, Condition]) -> bool:
    """Whether it is known that what the ingester reads reaches Redis.

    It is once this process has stored something. A source that has nothing to store for long is as good: one whose
    first batch is refused right after the connection was never well.
    """
    if report.stored is not None and (report.started is None or report.stored >= report.started):
        return True
    ready = previous.get(Type.READY)
    limit = reading.facts.windows.degraded_after_seconds
    return ready is not None and _since(reading, ready.last_transition_time) >= limit


def _lasted(reading: Reading, condition: Condition) -> float:
    """For how many seconds `condition` has held, though no longer than the ingester that is concerned
    runs.
    """
    return _since(reading, condition.last_transition_time)


def _lasted_as(reason: str, reading: Reading, condition: Condition, previous: Mapping[str, Condition]) -> float:
    """The same of what a person must mend, from when it was first told: `condition` may have begun with trouble of
    another kind, which has healed by itself.
    """
    told = previous.get(Type.STALLED) or previous.get(Type.RECONCILING)
    if told is None or told.reason != reason:
        return 0.0
    lasted = _lasted(reading, condition)
    return lasted if told.type == Type.STALLED else min(lasted, _since(reading, told.last_transition_time))


def _up(reading: Reading) -> float:
    """For how many seconds the ingester's container runs."""
    pod = reading.pod
    return (reading.facts.now - pod.running_since).total_seconds() if pod and pod.running_since else 0.0


def _since(reading: Reading, start: datetime) -> float:
    pod = reading.pod
    if pod is not None and pod.running_since is not None:
        start = max(start, pod.running_since)
    return (reading.facts.now - start).total_seconds()
