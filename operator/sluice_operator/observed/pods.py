"""Turns pods into facts. Pure.

Only the ingester's container counts. The owner of a source can't change the restarts, images and limits of other
containers, for example of a service mesh. They count only while they block the start of the ingester: see
`blocking_containers`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sluice_common.times import parse_time
from sluice_operator.desired.pod import CONTAINER
from sluice_operator.observed.blocking_containers import blocker
from sluice_operator.observed.facts.pod import PodFacts, Termination
from sluice_operator.observed.pod_ownership import TEMPLATE_HASH

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def pods_facts(pods: Iterable[Mapping[str, Any]], *, since: datetime | None = None) -> tuple[PodFacts, ...]:
    """The facts of `pods`, the oldest first. Pods from before `since` belong to an earlier source: they are
    terminating.
    """
    facts = sorted(map(pod_facts, pods), key=lambda pod: (pod.created, pod.name))
    return tuple(replace(pod, terminating=True) if since and pod.created < since else pod for pod in facts)


def earliest_pod_time(*, source: datetime | None, deployment: Mapping[str, Any] | None) -> datetime | None:
    """The earliest creation time of pods of a source: its own. None if its Deployment is older: the source has taken it
    over with its pods.
    """
    created = parse_time(deployment["metadata"].get("creationTimestamp")) if deployment else None
    return None if source and created and created < source else source


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
    """Why a pod is terminating: the reason of the kubelet or node controller, else of the disruption."""
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
