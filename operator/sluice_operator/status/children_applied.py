"""Whether the objects of a source are as they should be, or the API server is against it.

What stands in the status of its ingester stays true meanwhile. So what may pass by itself takes Ready away only while
what runs was made for an older spec, or does not run. What is refused for good needs a person in any case.
"""

from collections.abc import Mapping
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.observed.facts import Refusal
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_times import ConditionDraft, by_type, true
from sluice_operator.status.reasons import ConditionReason
from sluice_operator.status.verdict import (
    ReadyVerdict,
    degraded_verdict,
    progressing_verdict,
    stalled_verdict,
    stalled_verdict_after,
)

_API_SERVER_REASONS: Final = frozenset({ConditionReason.CHILD_REFUSED, ConditionReason.API_SERVER_UNAVAILABLE})


def children_outdated(assessment: Assessment) -> list[ConditionDraft]:
    """The condition that tells what the API server is against; nothing if all is as it should be."""
    refusal = assessment.facts.refusal
    if refusal is None or refusal.reason not in _API_SERVER_REASONS:
        return []
    reason = refusal.reason if assessment.applied else ConditionReason.SPEC_NOT_APPLIED
    return [true(Type.CHILDREN_OUTDATED, reason, refusal.message)]


def is_applied(status: SourceStatus, *, generation: int) -> bool:
    """Whether the children have been written for that generation of the spec: it was looked at, and they were not told
    to be those of a former one.
    """
    outdated = by_type(status.conditions).get(Type.CHILDREN_OUTDATED)
    is_former = outdated is not None and outdated.reason == ConditionReason.SPEC_NOT_APPLIED
    return status.observed_generation == generation and not is_former


def is_workload_current(assessment: Assessment, refusal: Refusal) -> bool:
    """Whether what was there before is of this spec, so that it tells how the source fares."""
    deployment = assessment.facts.deployment
    if deployment is None or (assessment.should_run and deployment.replicas == 0):
        return False
    return assessment.applied and refusal.is_transient and refusal.reason in _API_SERVER_REASONS


def refusal_verdict(
    assessment: Assessment, refusal: Refusal, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> ReadyVerdict:
    """The verdict on a source whose children could not be written."""
    if not refusal.is_transient:
        return stalled_verdict(refusal.reason, refusal.message)
    lasted = _seconds_refused(assessment, refusal, previous=previous, current=current)
    windows = assessment.facts.windows
    if refusal.stalls_if_persistent:
        return stalled_verdict_after(windows, refusal.reason, refusal.message, lasted_seconds=lasted)
    is_long = refusal.reason in _API_SERVER_REASONS and lasted >= windows.degraded_after_seconds
    return (degraded_verdict if is_long else progressing_verdict)(refusal.reason, refusal.message)


def _seconds_refused(
    assessment: Assessment, refusal: Refusal, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> float:
    """For how many seconds it has been told as the reason why the source is not Ready."""
    outdated, ready = current.get(Type.CHILDREN_OUTDATED), previous.get(Type.READY)
    if outdated is None or ready is None or ready.reason != refusal.reason:
        return 0.0
    told = previous.get(Type.STALLED) or previous.get(Type.RECONCILING)
    began = [outdated.last_transition_time, ready.last_transition_time]
    if told is not None and told.type == Type.RECONCILING:
        began.append(told.last_transition_time)
    return (assessment.facts.now - max(began)).total_seconds()
