"""The verdict on the Deployment and its pods, until a container of the newest template runs without restarts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.health import HealthSpec
from sluice_operator.observed.facts.deployment import DeploymentFacts
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.observed.facts.startup import StartupFacts
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.severity import Severity
from sluice_operator.status.startup_problems import hints, placement_message, startup_details, startup_problem
from sluice_operator.status.verdict import (
    ReadyVerdict,
    progressing_verdict,
    stalled_verdict,
    stalled_verdict_after,
)

_IMAGE_FAILURES: Final = frozenset(
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
_PERMANENT_IMAGE_FAILURES: Final = frozenset({"ErrImageNeverPull", "InvalidImageName"})
_IMAGE_RETRY_SECONDS: Final = 30.0  # the kubelet tries again after 10 and 20 s
_CONFIG_FAILURES: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_NEVER_RAN: Final = frozenset({"StartError", "ContainerCannotRun"})
_POD_REASONS: Final = frozenset(
    {ConditionReason.IMAGE_PULL_FAILED, ConditionReason.CONTAINER_CONFIG_ERROR, ConditionReason.CRASH_LOOP}
)
_ROLLOUT_REASONS: Final = _POD_REASONS | {
    ConditionReason.PROGRESSING,
    ConditionReason.POD_NOT_RUNNING,
    ConditionReason.POD_REFUSED,
    ConditionReason.PROGRESS_DEADLINE_EXCEEDED,
    ConditionReason.REFERENCE_MISSING,
    ConditionReason.VOLUME_NOT_MOUNTED,
    ConditionReason.SIDECAR_FAILED,
    ConditionReason.SECRET_MISSING,
    ConditionReason.DUPLICATE_SOURCE,
    ConditionReason.SUSPENDING,
}
"""Reasons why no ingester of the newest template may run."""
_FIX_IMAGE: Final = "correct spec.image, spec.imagePullPolicy or spec.podTemplate.imagePullSecrets"
_FIX_CONTAINER: Final = "create what is missing, or correct spec.podTemplate or spec.image"
_FIX_REFUSAL: Final = (
    "change the quota, the policy or the webhook that forbids it, or spec.podTemplate (resources, priorityClassName)"
)
_CRASH_LOOP_RESTARTS: Final = 3
_CRASH_LOOP_OVER_SECONDS: Final = 30.0


def rollout_verdict(  # noqa: PLR0911 (one return for each kind of situation)
    assessment: Assessment, previous: Mapping[str, Condition]
) -> ReadyVerdict | None:
    """The verdict if the ingester of the newest template does not run. None if it runs."""
    facts, pod, deployment = assessment.facts, assessment.pod, assessment.facts.deployment
    if deployment is None:
        return progressing_verdict(ConditionReason.PROGRESSING, "The Deployment is being created")
    # Until then the pods have an older template, and the new one may solve their problem.
    if deployment.rolled_out and pod is not None:
        trouble = _pod_problem(pod, facts.start, now=facts.now, windows=facts.windows, previous=previous)
        if trouble is None or trouble.severity is not Severity.STALLED:
            trouble = _previous_stall(pod, previous, generation=facts.generation) or trouble
        if trouble is not None:
            return trouble
    settled = deployment.rolled_out or (not deployment.observed and assessment.applied and _was_settled(previous))
    if assessment.running and settled:
        return None
    if deployment.failure_message:
        message = f"Pods can't be created: {deployment.failure_message}; {_FIX_REFUSAL}"
        lasted = (facts.now - deployment.failing_since).total_seconds() if deployment.failing_since else 0.0
        return stalled_verdict_after(facts.windows, ConditionReason.POD_REFUSED, message, lasted_seconds=lasted)
    if deployment.deadline_message:
        return stalled_verdict(
            ConditionReason.PROGRESS_DEADLINE_EXCEEDED, _deadline_message(deployment, pod, facts.start)
        )
    if pod is not None and pod.unschedulable:
        return progressing_verdict(ConditionReason.PROGRESSING, placement_message(pod))
    if not deployment.rolled_out:
        return progressing_verdict(
            ConditionReason.PROGRESSING, f"The Deployment is being rolled out{_terminating_pods(facts.pods)}"
        )
    return progressing_verdict(ConditionReason.POD_NOT_RUNNING, _starting_message(pod, facts.start))


def _was_settled(previous: Mapping[str, Condition]) -> bool:
    """Whether the previous status says that an ingester of the newest template runs, well or not. That stays until the
    controller has observed a change of the Deployment.
    """
    ready = previous.get(Type.READY)
    return ready is not None and ready.reason not in _ROLLOUT_REASONS


def _terminating_pods(pods: Sequence[PodFacts]) -> str:
    """The pods that a rollout waits for, as the end of a sentence."""
    names = ", ".join(pod.name for pod in pods if pod.terminating and pod.running_since is not None)
    return f": it waits until the pod {names} has stopped" if names else ""


def _pod_problem(
    pod: PodFacts, start: StartupFacts, *, now: datetime, windows: HealthSpec, previous: Mapping[str, Condition]
) -> ReadyVerdict | None:
    lasted = (now - _last_running(pod)).total_seconds()
    if pod.waiting_reason in _IMAGE_FAILURES:
        why = f"{pod.waiting_message or pod.waiting_reason}{hints(start)}"
        message = f"The image {pod.image} can't be pulled: {why}; {_FIX_IMAGE}"
        if pod.waiting_reason in _PERMANENT_IMAGE_FAILURES or lasted >= _IMAGE_RETRY_SECONDS:
            return stalled_verdict(ConditionReason.IMAGE_PULL_FAILED, message)
        return progressing_verdict(ConditionReason.IMAGE_PULL_FAILED, message)
    if pod.waiting_reason in _CONFIG_FAILURES:
        message = f"The container can't be created: {pod.waiting_message or pod.waiting_reason}; {_FIX_CONTAINER}"
        return stalled_verdict_after(windows, ConditionReason.CONTAINER_CONFIG_ERROR, message, lasted_seconds=lasted)
    if _crash_looping(pod, now=now, previous=previous):
        return stalled_verdict(
            ConditionReason.CRASH_LOOP,
            f"The ingester exits right after each start: {_termination(pod)}; {_advice(pod)}",
        )
    return startup_problem(pod, start, now=now, windows=windows)


def _last_running(pod: PodFacts) -> datetime:
    """When its container ran last, or when the pod was created. A problem with its start began after that."""
    end = pod.last_termination
    ran = end is not None and end.reason not in _NEVER_RAN
    return max(pod.created, end.time) if end and end.time and ran else pod.created


def _previous_stall(pod: PodFacts, previous: Mapping[str, Condition], *, generation: int) -> ReadyVerdict | None:
    """The problem for which `pod` was Stalled, until its container has run. Between two attempts of the kubelet, the
    pod has other states, which are ignored.
    """
    stalled = previous.get(Type.STALLED)
    if pod.running_since is not None or stalled is None or stalled.observed_generation != generation:
        return None
    if stalled.reason not in _POD_REASONS or stalled.last_transition_time < pod.created:
        return None
    return stalled_verdict(stalled.reason, stalled.message)


def _crash_looping(pod: PodFacts, *, now: datetime, previous: Mapping[str, Condition]) -> bool:
    """Whether `pod` is in a crash loop. The loop ends when the container has run for a while."""
    if pod.restart_count < _CRASH_LOOP_RESTARTS:
        return False
    if pod.waiting_reason == "CrashLoopBackOff":
        return True
    stalled = previous.get(Type.STALLED)
    was_looping = stalled is not None and stalled.reason == ConditionReason.CRASH_LOOP
    up = (now - pod.running_since).total_seconds() if pod.running_since else 0.0
    return was_looping and up < _CRASH_LOOP_OVER_SECONDS


def _deadline_message(deployment: DeploymentFacts, pod: PodFacts | None, start: StartupFacts) -> str:
    late = deployment.deadline_message.rstrip(".")
    if pod is None:
        return f"{late}: `kubectl get events` shows why there is no pod"
    cause = pod.unschedulable or startup_details(pod, start) or pod.waiting_message
    what = f": {cause}" if cause else ""
    return f"{late}{what}; `kubectl describe pod {pod.name}` shows what it waits for"


def _starting_message(pod: PodFacts | None, start: StartupFacts) -> str:
    if pod is None:
        return "The ingester's pod is being created"
    if pod.last_termination and pod.restart_count:
        return f"The ingester is being restarted: it exited with {_termination(pod)}"
    words = startup_details(pod, start)
    return (
        f"The ingester's container is being started: {words}" if words else "The ingester's container is being started"
    )


def _advice(pod: PodFacts) -> str:
    if pod.last_termination and pod.last_termination.reason == "OOMKilled":
        return "raise spec.podTemplate.resources.limits.memory"
    return f"`kubectl logs --previous {pod.name}` shows why"


def _termination(pod: PodFacts) -> str:
    end = pod.last_termination
    if end is None:
        return "an unknown reason"
    return f"{end.reason or 'an unknown reason'}, exit code {end.exit_code}"
