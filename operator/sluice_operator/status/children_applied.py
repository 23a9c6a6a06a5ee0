"""Whether the objects of a source are as they should be, or the API server is against it.

What stands in the status of its ingester stays true meanwhile. So what may pass by itself takes Ready away only while
what runs was made for an older spec, or does not run. What is refused for good needs a person in any case.
"""

from collections.abc import Mapping
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.stream import SourceStatus
from sluice_operator.observed.facts import Refusal
from sluice_operator.status.condition_times import Draft, by_type, true
from sluice_operator.status.current_pod import Reading
from sluice_operator.status.reasons import Reason
from sluice_operator.status.verdict import Verdict, coming, stuck, stuck_after, waiting

_OF_API_SERVER: Final = frozenset({Reason.CHILD_REFUSED, Reason.API_SERVER_UNAVAILABLE})


def children_outdated(reading: Reading) -> list[Draft]:
    """The condition that tells what the API server is against; nothing if all is as it should be."""
    refusal = reading.facts.refusal
    if refusal is None or refusal.reason not in _OF_API_SERVER:
        return []
    reason = refusal.reason if reading.applied else Reason.SPEC_NOT_APPLIED
    return [true(Type.CHILDREN_OUTDATED, reason, refusal.message)]


def is_applied(status: SourceStatus, *, generation: int) -> bool:
    """Whether the children have been written for that generation of the spec: it was looked at, and they were not told
    to be those of a former one.
    """
    outdated = by_type(status.conditions).get(Type.CHILDREN_OUTDATED)
    is_former = outdated is not None and outdated.reason == Reason.SPEC_NOT_APPLIED
    return status.observed_generation == generation and not is_former


def stands(reading: Reading, refusal: Refusal) -> bool:
    """Whether what was there before is of this spec, so that it tells how the source fares."""
    deployment = reading.facts.deployment
    if deployment is None or (reading.wanted and deployment.replicas == 0):
        return False
    return reading.applied and refusal.passes and refusal.reason in _OF_API_SERVER


def refused(
    reading: Reading, refusal: Refusal, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> Verdict:
    """The verdict on a source whose children could not be written."""
    if not refusal.passes:
        return stuck(refusal.reason, refusal.message)
    lasted = _lasted(reading, refusal, previous=previous, current=current)
    windows = reading.facts.windows
    if refusal.lasting:
        return stuck_after(windows, refusal.reason, refusal.message, lasted=lasted)
    is_long = refusal.reason in _OF_API_SERVER and lasted >= windows.degraded_after_seconds
    return (waiting if is_long else coming)(refusal.reason, refusal.message)


def _lasted(
    reading: Reading, refusal: Refusal, *, previous: Mapping[str, Condition], current: Mapping[str, Condition]
) -> float:
    """For how many seconds it has been told as the reason why the source is not Ready."""
    outdated, ready = current.get(Type.CHILDREN_OUTDATED), previous.get(Type.READY)
    if outdated is None or ready is None or ready.reason != refusal.reason:
        return 0.0
    told = previous.get(Type.STALLED) or previous.get(Type.RECONCILING)
    began = [outdated.last_transition_time, ready.last_transition_time]
    if told is not None and told.type == Type.RECONCILING:
        began.append(told.last_transition_time)
    return (reading.facts.now - max(began)).total_seconds()
