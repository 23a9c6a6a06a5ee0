"""Finds the container of a pod that prevents the start of the ingester, such as a service mesh proxy. Pure.

Init containers run one after the other before any other container starts. Sidecars must be started. Another container
blocks the ingester if it precedes it in the pod and has a postStart hook.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_operator.desired.pod import CONTAINER
from sluice_operator.observed.facts.pod import BlockerFacts

_STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})


def blocker(pod: Mapping[str, Any]) -> BlockerFacts | None:
    """The container that prevents the start of the ingester, or None."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {one["name"] for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"}
    for one in _in_order(spec.get("initContainers"), status.get("initContainerStatuses")):
        if not (one.get("started") if one["name"] in sidecars else _has_ended_well(one)):
            return _facts(one, "sidecar" if one["name"] in sidecars else "init container")
    containers = _in_order(spec.get("containers"), status.get("containerStatuses"))
    names = [one["name"] for one in containers]
    before = containers[: names.index(CONTAINER)] if CONTAINER in names else containers
    found = [_facts(one, "container") for one in containers if one["name"] != CONTAINER and not one.get("ready")]
    failing = [one for one in found if one.is_failing]
    # A container that runs and is not ready may block those after it.
    late = [_facts(one, "container") for one in before if _state(one, "running") and not one.get("ready")]
    return next(iter(failing + late), None)


def _in_order(
    containers: Iterable[Mapping[str, Any]] | None, statuses: Iterable[Mapping[str, Any]] | None
) -> list[Mapping[str, Any]]:
    """The statuses that exist, in the order in which the containers start."""
    known = {one["name"]: one for one in statuses or ()}
    names = [one["name"] for one in containers or ()]
    return [known[name] for name in names if name in known]


def _has_ended_well(container: Mapping[str, Any]) -> bool:
    return _state(container, "terminated").get("exitCode") == 0


def _state(container: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return (container.get("state") or {}).get(name) or {}


def _facts(container: Mapping[str, Any], kind: str) -> BlockerFacts:
    waiting, last = _state(container, "waiting"), (container.get("lastState") or {}).get("terminated") or {}
    end = _state(container, "terminated") or last
    reason = waiting.get("reason") or ""
    is_failing = reason not in _STARTING or end.get("exitCode", 0) != 0
    parts = [f"{kind} {container['name']}"]
    if reason not in _STARTING:
        parts.append(": ".join(filter(None, (reason, waiting.get("message")))))
    if end.get("exitCode", 0) != 0:
        parts.append(f"it exited with {end.get('reason') or 'an unknown reason'}, exit code {end['exitCode']}")
    elif _state(container, "running"):
        parts.append("it has not finished yet" if kind == "init container" else "it is not ready yet")
    return BlockerFacts(name=container["name"], is_failing=is_failing, description="; ".join(parts))
