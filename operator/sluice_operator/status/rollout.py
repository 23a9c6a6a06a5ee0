"""The verdict on Deployment and pods: until the container of the newest template runs, and if it keeps
ending.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.health import HealthWindows
from sluice_operator.observed.facts import DeploymentFacts, PodFacts, StartFacts
from sluice_operator.status.current_pod import Reading
from sluice_operator.status.reasons import Reason
from sluice_operator.status.startup_problems import hints, placement_words, start_trouble, start_words
from sluice_operator.status.verdict import Outlook, Verdict, coming, stuck, stuck_after, was_ready

_IMAGE_TROUBLE: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
        "ErrImageNeverPull",
        "InvalidImageName",
    }
)
_IMAGE_TROUBLE_FOR_GOOD: Final = frozenset({"ErrImageNeverPull", "InvalidImageName"})
_IMAGE_RETRY_SECONDS: Final = 30.0  # the kubelet tries again after 10 and 20 s
_CONFIG_TROUBLE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_NEVER_RAN: Final = frozenset({"StartError", "ContainerCannotRun"})
_OF_PODS: Final = frozenset({Reason.IMAGE_PULL_FAILED, Reason.CONTAINER_CONFIG_ERROR, Reason.CRASH_LOOP})
_MEND_IMAGE: Final = "mend spec.image, spec.imagePullPolicy or spec.podTemplate.imagePullSecrets"
_MEND_CONTAINER: Final = "create what is missing, or mend spec.podTemplate or spec.image"
_MEND_REFUSAL: Final = (
    "mend the quota, the policy or the webhook that is against it, or spec.podTemplate (resources, priorityClassName)"
)
_CRASH_LOOP_RESTARTS: Final = 3
_CRASH_LOOP_OVER_SECONDS: Final = 30.0


def rollout_verdict(  # noqa: PLR0911 (one return for each kind of situation)
    reading: Reading, previous: Mapping[str, Condition]
) -> Verdict | None:
    """What keeps the ingester from running, or None if it runs and is made of the newest template."""
    facts, pod, deployment = reading.facts, reading.pod, reading.facts.deployment
    if deployment is None:
        return coming(Reason.PROGRESSING, "The Deployment is being created")
    # Until then the pods are those of an older template, whose trouble the new one may be about to end.
    if deployment.rolled_out and pod is not None:
        trouble = _pod_trouble(pod, facts.start, now=facts.now, windows=facts.windows, previous=previous)
        if trouble is None or trouble.outlook is not Outlook.STUCK:
            trouble = _lasting_trouble(pod, previous, generation=facts.generation) or trouble
        if trouble is not None:
            return trouble
    settled = deployment.rolled_out or (not deployment.observed and was_ready(previous, generation=facts.generation))
    if reading.running and settled:
        return None
    if deployment.failure_message:
        message = f"Pods can't be created: {deployment.failure_message}; {_MEND_REFUSAL}"
        lasted = (facts.now - deployment.failing_since).total_seconds() if deployment.failing_since else 0.0
        return stuck_after(facts.windows, Reason.POD_REFUSED, message, lasted=lasted)
    if deployment.deadline_message:
        return stuck(Reason.PROGRESS_DEADLINE_EXCEEDED, _with_cause(deployment, pod, facts.start))
    if pod is not None and pod.unschedulable:
        return coming(Reason.PROGRESSING, placement_words(pod))
    if not deployment.rolled_out:
        return coming(Reason.PROGRESSING, f"The Deployment is being rolled out{_former(facts.pods)}")
    return coming(Reason.POD_NOT_RUNNING, _start(pod, facts.start))


def _former(pods: Sequence[PodFacts]) -> str:
    """The pods whose end a rollout waits for, as the end of a sentence."""
    names = ", ".join(pod.name for pod in pods if pod.leaving and pod.running_since is not None)
    return f": it waits until the pod {names} has ended" if names else ""


def _pod_trouble(
    pod: PodFacts, start: StartFacts, *, now: datetime, windows: HealthWindows, previous: Mapping[str, Condition]
) -> Verdict | None:
    lasted = (now - _last_up(pod)).total_seconds()
    if pod.waiting_reason in _IMAGE_TROUBLE:
        why = f"{pod.waiting_message or pod.waiting_reason}{hints(start)}"
        message = f"The image {pod.image} can't be pulled: {why}; {_MEND_IMAGE}"
        if pod.waiting_reason in _IMAGE_TROUBLE_FOR_GOOD or lasted >= _IMAGE_RETRY_SECONDS:
            return stuck(Reason.IMAGE_PULL_FAILED, message)
        return coming(Reason.IMAGE_PULL_FAILED, message)
    if pod.waiting_reason in _CONFIG_TROUBLE:
        message = f"The container can't be made: {pod.waiting_message or pod.waiting_reason}; {_MEND_CONTAINER}"
        return stuck_after(windows, Reason.CONTAINER_CONFIG_ERROR, message, lasted=lasted)
    if _crash_looping(pod, now=now, previous=previous):
        return stuck(Reason.CRASH_LOOP, f"The ingester ends right after each start: {_end(pod)}; {_advice(pod)}")
    return start_trouble(pod, start, now=now, windows=windows)


def _last_up(pod: PodFacts) -> datetime:
    """When its container ran for the last time, or the pod was made: what keeps it from starting began no earlier."""
    end = pod.last_termination
    ran = end is not None and end.reason not in _NEVER_RAN
    return max(pod.created, end.time) if end and end.time and ran else pod.created


def _lasting_trouble(pod: PodFacts, previous: Mapping[str, Condition], *, generation: int) -> Verdict | None:
    """The trouble that `pod` was Stalled for, until its container has run: between two tries of the kubelet a pod
    that can't start shows other states, which are no news.
    """
    stalled = previous.get(Type.STALLED)
    if pod.running_since is not None or stalled is None or stalled.observed_generation != generation:
        return None
    if stalled.reason not in _OF_PODS or stalled.last_transition_time < pod.created:
        return None
    return stuck(stalled.reason, stalled.message)


def _crash_looping(pod: PodFacts, *, now: datetime, previous: Mapping[str, Condition]) -> bool:
    """Whether `pod` is in a crash loop. It stays in one while a start has not proved itself."""
    if pod.restart_count < _CRASH_LOOP_RESTARTS:
        return False
    if pod.waiting_reason == "CrashLoopBackOff":
        return True
    stalled = previous.get(Type.STALLED)
    was_looping = stalled is not None and stalled.reason == Reason.CRASH_LOOP
    up = (now - pod.running_since).total_seconds() if pod.running_since else 0.0
    return was_looping and up < _CRASH_LOOP_OVER_SECONDS


def _with_cause(deployment: DeploymentFacts, pod: PodFacts | None, start: StartFacts) -> str:
    late = deployment.deadline_message.rstrip(".")
    if pod is None:
        return f"{late}: `kubectl get events` tells why there is no pod"
    cause = pod.unschedulable or start_words(pod, start) or pod.waiting_message
    what = f": {cause}" if cause else ""
    return f"{late}{what}; `kubectl describe pod {pod.name}` tells what it waits for"


def _start(pod: PodFacts | None, start: StartFacts) -> str:
    if pod is None:
        return "The ingester's pod is being created"
    if pod.last_termination and pod.restart_count:
        return f"The ingester is being started again: it ended with {_end(pod)}"
    words = start_words(pod, start)
    return (
        f"The ingester's container is being started: {words}" if words else "The ingester's container is being started"
    )


def _advice(pod: PodFacts) -> str:
    if pod.last_termination and pod.last_termination.reason == "OOMKilled":
        return "raise spec.podTemplate.resources.limits.memory"
    return f"`kubectl logs --previous {pod.name}` tells why"


def _end(pod: PodFacts) -> str:
    end = pod.last_termination
    if end is None:
        return "an unknown reason"
    return f"{end.reason or 'an unknown reason'}, exit code {end.exit_code}"
