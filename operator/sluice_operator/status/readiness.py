"""Decides how ready a source is: one rule for each situation.

Ready says that the spec is accepted and the ingester works. A problem that can end by itself, such as an unreachable
source or Redis, has its own condition. It makes the source unready only after `spec.health.degradedAfterSeconds`. A
problem that a person must solve is Stalled.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sluice_common.times import human_duration
from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.children_applied import is_workload_current, refusal_verdict
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.rollout import rollout_verdict
from sluice_operator.status.stream_strategy import StreamStrategy
from sluice_operator.status.verdict import (
    ReadyVerdict,
    degraded_verdict,
    healthy_verdict,
    progressing_verdict,
    stalled_verdict,
    stalled_verdict_after,
    was_ready,
)
from sluice_redis.contract import SourceState

_ADVICE: Final = {
    SinkReadFailure.UNAUTHORIZED: (
        "correct the user and the password of the URL in the Secret, or grant the user the missing right"
    ),
    SinkReadFailure.URL_INVALID: "put a Redis URL into the Secret, such as redis://:password@redis:6379/0",
}


def evaluate_readiness(
    assessment: Assessment,
    strategy: StreamStrategy,
    *,
    previous: Mapping[str, Condition],
    current: Mapping[str, Condition],
) -> ReadyVerdict:
    """The verdict on a source.

    `previous` are the conditions of the previous status. `current` are the new ones without Ready, Reconciling and
    Stalled. Their transition times say how long a problem has lasted.
    """
    refusal = assessment.facts.refusal
    if refusal is None:
        return _evaluate(assessment, strategy, previous=previous, current=current)
    if is_workload_current(assessment, refusal):
        return _evaluate(assessment, strategy, previous=previous, current=current)
    return refusal_verdict(assessment, refusal, previous=previous, current=current)


def _evaluate(  # noqa: PLR0911 (one return for each kind of situation)
    assessment: Assessment,
    strategy: StreamStrategy,
    *,
    previous: Mapping[str, Condition],
    current: Mapping[str, Condition],
) -> ReadyVerdict:
    """The verdict according to the rollout and the ingester."""
    facts = assessment.facts
    if assessment.is_requested and facts.owner:
        return _duplicate(facts)
    if not assessment.should_run:
        return _idle(assessment)
    if facts.still_in:
        message = f"Waiting until {facts.still_in}, does not run this source any more"
        return progressing_verdict(ConditionReason.PROGRESSING, message)
    if facts.sink is None:
        lasted = _seconds_with_reason(ConditionReason.SECRET_MISSING, assessment, current[Type.SINK_WRITABLE], previous)
        return stalled_verdict_after(
            facts.windows, ConditionReason.SECRET_MISSING, facts.secret.problem, lasted_seconds=lasted
        )
    if facts.sink.failure is SinkReadFailure.URL_INVALID:
        return _without_sink(assessment, facts.sink, previous=previous, current=current)
    if verdict := rollout_verdict(assessment, previous):
        return verdict
    if facts.sink.failure is not None or assessment.recovering:
        return _without_sink(assessment, facts.sink, previous=previous, current=current)
    if assessment.report is None:
        return _not_reporting(assessment)
    return _reported(assessment, strategy, assessment.report, previous=previous, current=current)


def _duplicate(facts: Facts) -> ReadyVerdict:
    if facts.owner_unobserved:
        message = (
            f"{facts.owner} owned this cursor when it was last seen, and the operator may no longer read its "
            "namespace. Its ingester may still run, so this one does not. Give the operator its Role there again (helm "
            "upgrade creates it). If no ingester runs there any more, remove that namespace from the chart's "
            "watchNamespaces"
        )
        return stalled_verdict(ConditionReason.DUPLICATE_SOURCE, message)
    if facts.owner_terminating:
        message = (
            f"{facts.owner} still owns the cursor and is being deleted. This ingester starts when that resource is gone"
        )
        return progressing_verdict(ConditionReason.DUPLICATE_SOURCE, message)
    message = (
        f"{facts.owner} is older and streams from {facts.host} into the same keys of the same Redis, so this "
        "ingester does not run. Delete one of the two, or give this one another Redis (spec.redis.secretRef) or other "
        "keys (spec.redis.keyPrefix)"
    )
    return stalled_verdict(ConditionReason.DUPLICATE_SOURCE, message)


def _idle(assessment: Assessment) -> ReadyVerdict:
    if not assessment.stopped:
        return progressing_verdict(ConditionReason.SUSPENDING, "The ingester is stopping")
    if assessment.facts.suspended:
        return healthy_verdict(ConditionReason.SUSPENDED, "Suspended by spec.suspend. The cursor is kept")
    return healthy_verdict(ConditionReason.NOTHING_TO_RUN, "The spec enables no stream")


def _without_sink(
    assessment: Assessment, sink: SinkFacts, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> ReadyVerdict:
    writable = current[Type.SINK_WRITABLE]
    if sink.failure in _ADVICE:
        message = sink.failure_message if sink.has_advice else f"{sink.failure_message}: {_ADVICE[sink.failure]}"
        lasted = _seconds_with_reason(writable.reason, assessment, writable, previous)
        return stalled_verdict_after(assessment.facts.windows, writable.reason, message, lasted_seconds=lasted)
    return _outage(
        assessment,
        lasted_seconds=_seconds_since_transition(assessment, writable),
        interrupted=writable.reason,
        first=writable.reason,
        late=writable.reason,
        message=sink.failure_message or writable.message,
        previous=previous,
    )


def _not_reporting(assessment: Assessment) -> ReadyVerdict:
    if assessment.silent:
        message = (
            f"The ingester's container runs, but it has written no report to Redis for over "
            f"{human_duration(FRESH_SECONDS)}. Read its log, and check that the pod can reach Redis"
        )
        # A start takes long on a busy node.
        is_young = _uptime_seconds(assessment) < assessment.facts.windows.degraded_after_seconds
        return (
            progressing_verdict(ConditionReason.NOT_REPORTING, message)
            if is_young
            else degraded_verdict(ConditionReason.NOT_REPORTING, message)
        )
    return progressing_verdict(ConditionReason.CONNECTING, "The ingester has started and is connecting")


def _reported(
    assessment: Assessment,
    strategy: StreamStrategy,
    report: HealthFacts,
    *,
    previous: Mapping[str, Condition],
    current: Mapping[str, Condition],
) -> ReadyVerdict:
    host = assessment.facts.host
    if report.state is SourceState.STREAMING:
        return strategy.running(host)
    if report.state is SourceState.DONE:
        return healthy_verdict(ConditionReason.LISTED, f"All repos of {host} are listed")
    if report.state is SourceState.HALTED:
        return stalled_verdict(report.reason or ConditionReason.HALTED, assessment.message)
    if report.state is SourceState.BACKPRESSURE:
        reason = report.reason or ConditionReason.BACKPRESSURE
        return _outage(
            assessment,
            lasted_seconds=_outage_seconds(assessment, strategy, report, current[Type.SINK_WRITABLE]),
            interrupted=reason,
            first=reason,
            late=reason,
            message=assessment.message,
            previous=previous if _has_worked(assessment, report, previous) else {},
        )
    return _outage(
        assessment,
        lasted_seconds=_outage_seconds(assessment, strategy, report, current[Type.CONNECTED]),
        interrupted=ConditionReason.RECONNECTING,
        first=ConditionReason.CONNECTING,
        late=ConditionReason.SOURCE_UNAVAILABLE,
        message=assessment.message,
        previous=previous,
    )


def _outage_seconds(
    assessment: Assessment, strategy: StreamStrategy, report: HealthFacts, condition: Condition
) -> float:
    """The seconds since the last event was read or stored. It is the age of `condition`, unless the strategy has a
    better measure.
    """
    idle = strategy.idle_seconds(assessment, report)
    if idle is not None:
        return min(idle, _uptime_seconds(assessment))
    return _seconds_since_transition(assessment, condition)


def _outage(
    assessment: Assessment,
    *,
    lasted_seconds: float,
    interrupted: str,
    first: str,
    late: str,
    message: str,
    previous: Mapping[str, Condition],
) -> ReadyVerdict:
    """The verdict on a problem that can end by itself.

    The reason depends on the case:

    - `interrupted`: the source was ready before.
    - `first`: it was not ready with this generation of the spec yet.
    - `late`: the problem has lasted too long.
    """
    limit = assessment.facts.windows.degraded_after_seconds
    if lasted_seconds >= limit:
        return degraded_verdict(late, f"For over {human_duration(limit)}: {message}")
    return (
        healthy_verdict(interrupted, message)
        if was_ready(previous, generation=assessment.facts.generation)
        else progressing_verdict(first, message)
    )


def _has_worked(assessment: Assessment, report: HealthFacts, previous: Mapping[str, Condition]) -> bool:
    """Whether it is known that the ingester can store events.

    It is known once this process has stored something, or was Ready for long with nothing to store. A source whose
    first batch is refused right after the connection has never worked.
    """
    if report.stored is not None and (report.started is None or report.stored >= report.started):
        return True
    ready = previous.get(Type.READY)
    limit = assessment.facts.windows.degraded_after_seconds
    return ready is not None and _seconds_since(assessment, ready.last_transition_time) >= limit


def _seconds_since_transition(assessment: Assessment, condition: Condition) -> float:
    """The age of `condition` in seconds, but at most the uptime of the ingester's container."""
    return _seconds_since(assessment, condition.last_transition_time)


def _seconds_with_reason(
    reason: str, assessment: Assessment, condition: Condition, previous: Mapping[str, Condition]
) -> float:
    """The same for a problem that a person must solve, but since `reason` was first given. `condition` may have begun
    with another problem, which has ended by itself.
    """
    reported = previous.get(Type.STALLED) or previous.get(Type.RECONCILING)
    if reported is None or reported.reason != reason:
        return 0.0
    lasted = _seconds_since_transition(assessment, condition)
    if reported.type == Type.STALLED:
        return lasted
    return min(lasted, _seconds_since(assessment, reported.last_transition_time))


def _uptime_seconds(assessment: Assessment) -> float:
    """The seconds since the ingester's container started."""
    return 0.0 if assessment.pod is None else assessment.facts.uptime_seconds(assessment.pod)


def _seconds_since(assessment: Assessment, start: datetime) -> float:
    pod = assessment.pod
    if pod is not None and pod.running_since is not None:
        start = max(start, pod.running_since)
    return (assessment.facts.now - start).total_seconds()
