"""The container of a pod for which the ingester's waits, such as a proxy of a service mesh that does not start. Pure.

Init containers end one after the other before any other starts, or, as sidecars, are up. Of the containers beside the
ingester's one may hold it up that comes before it and has a hook after its start.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_operator.desired.pod import CONTAINER
from sluice_operator.observed.facts import BlockerFacts

_STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})


def blocker(pod: Mapping[str, Any]) -> BlockerFacts | None:
    """The container that keeps the ingester's, which does not run, from its start; None if none is known to."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {one["name"] for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"}
    for one in _in_order(spec.get("initContainers"), status.get("initContainerStatuses")):
        if not (one.get("started") if one["name"] in sidecars else _has_ended_well(one)):
            return _facts(one, "sidecar" if one["name"] in sidecars else "init container")
    beside = _in_order(spec.get("containers"), status.get("containerStatuses"))
    places = [one["name"] for one in beside]
    before = beside[: places.index(CONTAINER)] if CONTAINER in places else beside
    found = [_facts(one, "container") for one in beside if one["name"] != CONTAINER and not one.get("ready")]
    failing = [one for one in found if one.is_failing]
    # One that is up, and not ready yet, may hold up what comes behind it.
    late = [_facts(one, "container") for one in before if _state(one, "running") and not one.get("ready")]
    return next(iter(failing + late), None)


def _in_order(
    containers: Iterable[Mapping[str, Any]] | None, statuses: Iterable[Mapping[str, Any]] | None
) -> list[Mapping[str, Any]]:
    """The statuses that are known, in the order in which the containers are started."""
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
    why = waiting.get("reason") or ""
    is_failing = why not in _STARTING or end.get("exitCode", 0) != 0
    words = [f"{kind} {container['name']}"]
    if why not in _STARTING:
        words.append(": ".join(filter(None, (why, waiting.get("message")))))
    if end.get("exitCode", 0) != 0:
        words.append(f"it ended with {end.get('reason') or 'an unknown reason'}, exit code {end['exitCode']}")
    elif _state(container, "running"):
        words.append("it has not come to its end yet" if kind == "init container" else "it is not ready yet")
    return BlockerFacts(name=container["name"], is_failing=is_failing, description="; ".join(words))
