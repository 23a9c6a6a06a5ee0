"""What a pod waits for that does not start, in the words of Kubernetes, and what to do about it."""

import re
from datetime import datetime
from typing import Final

from sluice_operator.api.health import HealthWindows
from sluice_operator.observed.facts import PodEvent, PodFacts, StartFacts
from sluice_operator.status.reasons import Reason
from sluice_operator.status.verdict import Verdict, stuck_after

_OF_VOLUMES: Final = frozenset({"FailedMount", "FailedMapVolume"})
_NO_CLAIM: Final = re.compile(r'persistentvolumeclaim "[^"]*" not found')
_MEND_VOLUMES: Final = "create what is missing, or mend spec.podTemplate.volumes"
_MEND_SIDECAR: Final = "mend it, or keep it from this pod with the labels or annotations of spec.podTemplate"
_MEND_PLACEMENT: Final = (
    "give the cluster a node that fits, or mend resources, nodeSelector, tolerations, affinity or "
    "topologySpreadConstraints in spec.podTemplate"
)


def start_trouble(pod: PodFacts, start: StartFacts, *, now: datetime, windows: HealthWindows) -> Verdict | None:
    """What a person must mend before `pod` can start; None if nothing is known of that kind."""
    if not pod.is_being_made:
        return None
    age = (now - pod.created).total_seconds()
    if start.missing:
        return stuck_after(windows, Reason.REFERENCE_MISSING, ". ".join(start.missing), lasted=age)
    if _NO_CLAIM.search(pod.unschedulable):
        message = f"No node takes the pod: {pod.unschedulable}; {_MEND_VOLUMES}"
        return stuck_after(windows, Reason.VOLUME_NOT_MOUNTED, message, lasted=age)
    if pod.blocker is not None and pod.blocker.is_failing:
        message = f"The ingester's container waits for another one of its pod, the {pod.blocker.words}; {_MEND_SIDECAR}"
        return stuck_after(windows, Reason.SIDECAR_FAILED, message, lasted=age)
    if start.event is not None and start.event.reason in _OF_VOLUMES:
        message = f"A volume of the pod can't be mounted: {start.event.message}; {_MEND_VOLUMES}"
        lasted = (now - start.event.first).total_seconds()
        return stuck_after(windows, Reason.VOLUME_NOT_MOUNTED, message, lasted=lasted)
    return None


def placement_words(pod: PodFacts) -> str:
    """What is told of a pod that no node takes."""
    return f"No node takes the pod yet: {pod.unschedulable.rstrip('.')}; {_MEND_PLACEMENT}"


def start_words(pod: PodFacts, start: StartFacts) -> str:
    """What is known of why the container of `pod` does not run yet; nothing if nothing is."""
    words = [f"it waits for the {pod.blocker.words}"] if pod.blocker is not None else []
    if start.event is not None:
        words.append(event_words(start.event))
    return "; ".join(words)


def event_words(event: PodEvent) -> str:
    """A warning of Kubernetes, in its own words."""
    return f"{event.reason}: {event.message}"


def hints(start: StartFacts) -> str:
    """What the pod may do without, and is not there, as the end of a sentence."""
    return "".join(f" ({hint})" for hint in start.hints)
