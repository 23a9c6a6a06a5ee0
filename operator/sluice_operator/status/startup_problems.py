"""Messages that say why a pod does not start, with the text of Kubernetes, and what to do."""

import re
from datetime import datetime
from typing import Final

from sluice_operator.api.health import HealthSpec
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.observed.facts.startup import PodEvent, StartupFacts
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.verdict import ReadyVerdict, stalled_verdict_after

_VOLUME_REASONS: Final = frozenset({"FailedMount", "FailedMapVolume"})
_CLAIM_NOT_FOUND: Final = re.compile(r'persistentvolumeclaim "[^"]*" not found')
_FIX_VOLUMES: Final = "create what is missing, or correct spec.podTemplate.volumes"
_FIX_SIDECAR: Final = "repair it, or keep it out of this pod with labels or annotations in spec.podTemplate"
_FIX_PLACEMENT: Final = (
    "add a node that fits, or change resources, nodeSelector, tolerations, affinity or topologySpreadConstraints in "
    "spec.podTemplate"
)


def startup_problem(pod: PodFacts, start: StartupFacts, *, now: datetime, windows: HealthSpec) -> ReadyVerdict | None:
    """The problem that a person must solve before `pod` can start. None if none is known."""
    if not pod.is_container_creating:
        return None
    age = (now - pod.created).total_seconds()
    if start.missing:
        return stalled_verdict_after(
            windows, ConditionReason.REFERENCE_MISSING, ". ".join(start.missing), lasted_seconds=age
        )
    if _CLAIM_NOT_FOUND.search(pod.unschedulable):
        message = f"No node takes the pod: {pod.unschedulable}; {_FIX_VOLUMES}"
        return stalled_verdict_after(windows, ConditionReason.VOLUME_NOT_MOUNTED, message, lasted_seconds=age)
    if pod.blocker is not None and pod.blocker.is_failing:
        message = (
            f"The ingester's container waits for another container of its pod, the {pod.blocker.description}; "
            f"{_FIX_SIDECAR}"
        )
        return stalled_verdict_after(windows, ConditionReason.SIDECAR_FAILED, message, lasted_seconds=age)
    if start.event is not None and start.event.reason in _VOLUME_REASONS:
        message = f"A volume of the pod can't be mounted: {start.event.message}; {_FIX_VOLUMES}"
        lasted = (now - start.event.first).total_seconds()
        return stalled_verdict_after(windows, ConditionReason.VOLUME_NOT_MOUNTED, message, lasted_seconds=lasted)
    return None


def placement_message(pod: PodFacts) -> str:
    """The message for a pod that no node takes."""
    return f"No node takes the pod yet: {pod.unschedulable.rstrip('.')}; {_FIX_PLACEMENT}"


def startup_details(pod: PodFacts, start: StartupFacts) -> str:
    """Why the container of `pod` does not run yet. Empty if unknown."""
    words = [f"it waits for the {pod.blocker.description}"] if pod.blocker is not None else []
    if start.event is not None:
        words.append(event_message(start.event))
    return "; ".join(words)


def event_message(event: PodEvent) -> str:
    """The text of a warning of Kubernetes."""
    return f"{event.reason}: {event.message}"


def hints(start: StartupFacts) -> str:
    """Missing objects that the pod may not need, as the end of a sentence."""
    return "".join(f" ({hint})" for hint in start.hints)
