"""Pods, as the API server has them, turned into facts. Pure.

Of a pod's containers only the ingester counts: what a service mesh or the like has put beside it has restarts,
images and limits of its own, which are nothing that a source or its owner could do anything about. Only while the
ingester waits for one of these does that one count: see `blockers`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sluice_common.times import parse_time
from sluice_operator.desired.pod import CONTAINER
from sluice_operator.observed.blocking_containers import blocker
from sluice_operator.observed.facts import PodFacts, Termination
from sluice_operator.observed.pod_ownership import TEMPLATE_HASH

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def pods_facts(pods: Iterable[Mapping[str, Any]], *, since: datetime | None = None) -> tuple[PodFacts, ...]:
    """The facts of `pods`, the oldest first. Those from before `since` are a former source's, and leave with it."""
    facts = sorted(map(pod_facts, pods), key=lambda pod: (pod.created, pod.name))
    return tuple(replace(pod, terminating=True) if since and pod.created < since else pod for pod in facts)


def earliest_pod_time(*, source: datetime | None, deployment: Mapping[str, Any] | None) -> datetime | None:
    """Since when pods can be those of a source: not before it was created. None if its Deployment is older, which it
    has taken over with all its pods.
    """
    made = parse_time(deployment["metadata"].get("creationTimestamp")) if deployment else None
    return None if source and made and made < source else source


def pod_facts(pod: Mapping[str, Any]) -> PodFacts:
    """The facts of one v1 Pod."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    container = _ingester(status.get("containerStatuses"))
    finished = status.get("phase") in {"Succeeded", "Failed"}
    waiting = container.get("state", {}).get("waiting") or {}
    return PodFacts(
        uid=metadata["uid"],
        name=metadata["name"],
        template_hash=(metadata.get("labels") or {}).get(TEMPLATE_HASH, ""),
        created=parse_time(metadata.get("creationTimestamp")) or _NEVER,
        terminating=finished or "deletionTimestamp" in metadata,
        gone_reason=_gone_reason(status) if finished or "deletionTimestamp" in metadata else "",
        running_since=parse_time((container.get("state", {}).get("running") or {}).get("startedAt")),
        restart_count=container.get("restartCount", 0),
        last_termination=_last_termination(container),
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        unschedulable=_unschedulable(pod),
        image=_ingester((pod.get("spec") or {}).get("containers")).get("image", ""),
        blocker=None if container.get("state", {}).get("running") else blocker(pod),
    )


def _ingester(containers: Iterable[Mapping[str, Any]] | None) -> Mapping[str, Any]:
    return next((container for container in containers or () if container["name"] == CONTAINER), {})


def _last_termination(container: Mapping[str, Any]) -> Termination | None:
    ends = [
        Termination(
            reason=end.get("reason", ""),
            exit_code=end.get("exitCode"),
            time=parse_time(end.get("finishedAt")),
        )
        for state in ("lastState", "state")
        if (end := (container.get(state) or {}).get("terminated"))
    ]
    return max(ends, key=lambda end: end.time or _NEVER, default=None)


def _gone_reason(status: Mapping[str, Any]) -> str:
    """Why a pod leaves: the kubelet's or node controller's own word, else that of the disruption."""
    if reason := status.get("reason"):
        return str(reason)
    return next(
        (
            condition.get("reason", "")
            for condition in status.get("conditions") or []
            if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True"
        ),
        "",
    )


def _unschedulable(pod: Mapping[str, Any]) -> str:
    gates = ", ".join(gate.get("name", "") for gate in (pod.get("spec") or {}).get("schedulingGates") or ())
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            message = condition.get("message", "") or "no node takes the pod"
            return f"{message} ({gates})" if gates else message
    return ""
