"""The memory and the CPU time of pods, as the kubelet reports them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from e2e.tests.api import Api


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The containers of one pod at a moment."""

    memory: int
    """The working set in bytes: what counts for the limit, and for an eviction."""
    cpu: float
    """CPU time since the start of the containers, in seconds."""
    at: float
    """When the CPU time was read, as Unix time."""


def read_usage(api: Api, *, namespace: str) -> dict[str, Usage]:
    """By name: the pods of a namespace that the kubelet has figures of."""
    found: dict[str, Usage] = {}
    for node in api.get("/api/v1/nodes")["items"]:
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        for pod in api.get(path, only_cpu_and_memory="true")["pods"]:
            if pod["podRef"]["namespace"] == namespace and all(map(_is_complete, pod["containers"])):
                found[pod["podRef"]["name"]] = _usage(pod["containers"])
    return found


def cpu_percent(before: Mapping[str, Usage], after: Mapping[str, Usage], pods: Collection[str]) -> float:
    """The CPU time of these pods together in percent of a core."""
    return sum(100 * (after[pod].cpu - before[pod].cpu) / (after[pod].at - before[pod].at) for pod in pods)


def _is_complete(container: Mapping[str, Any]) -> bool:
    return "usageCoreNanoSeconds" in container.get("cpu", {}) and "workingSetBytes" in container.get("memory", {})


def _usage(containers: list[dict[str, Any]]) -> Usage:
    return Usage(
        memory=sum(one["memory"]["workingSetBytes"] for one in containers),
        cpu=sum(one["cpu"]["usageCoreNanoSeconds"] for one in containers) / 1e9,
        at=min(datetime.fromisoformat(one["cpu"]["time"]).timestamp() for one in containers),
    )
