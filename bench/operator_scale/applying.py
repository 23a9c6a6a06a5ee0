"""Measures the apply: from the first request of the user until all resources are Ready.

Where Ready comes from does not matter here: the operator writes the statuses, or the floor in its place.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.operator_scale.cluster import MACHINE, Cluster, requests_of_operator
from bench.operator_scale.labelers import Labeler, apply_all
from bench.operator_scale.operator_process import OperatorProcess
from bench.operator_scale.options import Options
from bench.operator_scale.requests import Requests
from bench.operator_scale.table import Measures

OTHERS: Final = "CPU of other programs, % of a core"
_PATIENCE_SECONDS: Final = 180.0
"""Without one more Ready resource."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """`apply` is the time of the user's requests alone. `cpu` is that of the other processes."""

    apply_seconds: float
    ready_seconds: float
    cpu: dict[str, float]


async def apply_until_ready(
    cluster: Cluster, resources: Sequence[Labeler], options: Options, *, check: Callable[[], None]
) -> Applied:
    """Apply all, and wait until all are Ready."""
    before, began = cluster.cpu_seconds(), time.monotonic()
    user = asyncio.create_task(
        apply_all(cluster.api, resources, suspended=options.suspended, connections=options.connections)
    )
    ready_at = await cluster.statuses.until_all_ready(len(resources), patience_seconds=_PATIENCE_SECONDS, check=check)
    cpu = {name: value - before[name] for name, value in cluster.cpu_seconds().items()}
    return Applied(apply_seconds=await user, ready_seconds=ready_at - began, cpu=cpu)


async def measure_apply(
    cluster: Cluster, operator: OperatorProcess, resources: Sequence[Labeler], options: Options
) -> tuple[Measures, Requests]:
    """The measures of the operator, and its requests."""
    audit, cpu, count = cluster.audit, operator.cpu_seconds, len(resources)
    applied = await apply_until_ready(cluster, resources, options, check=operator.check)
    operator_cpu, found = operator.cpu_seconds - cpu, requests_of_operator(audit)
    return {
        "the user's apply, s": applied.apply_seconds,
        "until all are Ready, s": applied.ready_seconds,
        "resources a second": count / applied.ready_seconds,
        "CPU of the operator, s": operator_cpu,
        "CPU of the operator, ms a resource": 1000 * operator_cpu / count,
        **cpu_share(applied.cpu | {"operator": operator_cpu}, applied.ready_seconds),
        "reads a resource": found.reads / count,
        "writes a resource": found.writes / count,
        **{f"{kind}, a resource": number / count for kind, number in found.kinds.items() if number >= count / 10},
        "answers with an error, such as 404": found.errors,
        **operator.memory,
    }, found


def cpu_share(cpu: dict[str, float], seconds: float) -> Measures:
    """The share of a core of each process, and of all programs that do not belong to the measurement."""
    own = {name: value for name, value in cpu.items() if name != MACHINE}
    others = max(0.0, cpu[MACHINE] - sum(own.values()))
    return {f"CPU of {name}, % of a core": 100 * value / seconds for name, value in own.items()} | {
        OTHERS: 100 * others / seconds
    }
