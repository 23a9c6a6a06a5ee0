"""The effect on a status if the API server refuses the Deployment or the Secret of a source.

A final refusal is always Stalled. A temporary one makes the source unready only if the running Deployment belongs to an
older generation of the spec, or does not run. Otherwise the status reports on the running ingester as before.
"""

from collections.abc import Mapping
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import ConditionDraft, by_type, true
from sluice_operator.status.verdict import (
    ReadyVerdict,
    degraded_verdict,
    progressing_verdict,
    stalled_verdict,
    stalled_verdict_after,
)

_API_SERVER_REASONS: Final = frozenset({ConditionReason.CHILD_REFUSED, ConditionReason.API_SERVER_UNAVAILABLE})


def children_outdated(assessment: Assessment) -> list[ConditionDraft]:
    """ChildrenOutdated: what the API server refuses. Empty if everything is applied."""
    refusal = assessment.facts.refusal
    if refusal is None or refusal.reason not in _API_SERVER_REASONS:
        return []
    reason = refusal.reason if assessment.applied else ConditionReason.SPEC_NOT_APPLIED
    return [true(Type.CHILDREN_OUTDATED, reason, refusal.message)]


def is_applied(status: SourceStatus, *, generation: int) -> bool:
    """Whether the children were written for that generation of the spec, according to `status`."""
    outdated = by_type(status.conditions).get(Type.CHILDREN_OUTDATED)
    is_former = outdated is not None and outdated.reason == ConditionReason.SPEC_NOT_APPLIED
    return status.observed_generation == generation and not is_former


def is_workload_current(assessment: Assessment, refusal: Refusal) -> bool:
    """Whether the running Deployment belongs to this spec. Then the verdict depends on it, and not on `refusal`."""
    deployment = assessment.facts.deployment
    if deployment is None or (assessment.should_run and deployment.replicas == 0):
        return False
    return assessment.applied and refusal.is_transient and refusal.reason in _API_SERVER_REASONS


def refusal_verdict(
    assessment: Assessment, refusal: Refusal, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> ReadyVerdict:
    """The verdict on a source whose children could not be written.

    `previous` are the conditions of the previous status, `current` the new ones without the verdict.
    """
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
    """The seconds for which `refusal` has been the reason why the source is not Ready."""
    outdated, ready = current.get(Type.CHILDREN_OUTDATED), previous.get(Type.READY)
    if outdated is None or ready is None or ready.reason != refusal.reason:
        return 0.0
    reported = previous.get(Type.STALLED) or previous.get(Type.RECONCILING)
    began = [outdated.last_transition_time, ready.last_transition_time]
    if reported is not None and reported.type == Type.RECONCILING:
        began.append(reported.last_transition_time)
    return (assessment.facts.now - max(began)).total_seconds()
