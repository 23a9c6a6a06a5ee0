"""Measures the rest: nothing changes, except that each ingester beats."""

import asyncio
import time
from typing import Final

from bench.operator_scale.applying import cpu_share
from bench.operator_scale.cluster import Cluster, requests_of_operator
from bench.operator_scale.operator_process import OperatorProcess
from bench.operator_scale.options import Options
from bench.operator_scale.table import Measures

_PROGRESS_SECONDS: Final = 60.0


async def measure_rest(cluster: Cluster, operator: OperatorProcess, options: Options) -> Measures:
    """Wait until the numbers of the statuses have settled, then measure."""
    await _pause(options.settle_seconds, "to settle")
    audit, others, began = cluster.audit, cluster.cpu_seconds(), time.monotonic()
    cpu, reconciles = operator.cpu_seconds, await operator.reconciles_and_depth()
    await _pause(options.rest_seconds, "to rest")
    operator.check()
    seconds = time.monotonic() - began
    used = {name: value - others[name] for name, value in cluster.cpu_seconds().items()}
    used["operator"] = operator.cpu_seconds - cpu
    found, (total, depth) = requests_of_operator(audit), await operator.reconciles_and_depth()
    return {
        **cpu_share(used, seconds),
        "reconciles a second": (total - reconciles[0]) / seconds,
        "resources in the queue at the end": depth,
        "reads": found.reads,
        "writes, except of Leases": found.writes,
        **found.kinds,
        "answers with an error, such as 404": found.errors,
        **operator.memory,
    }


async def _pause(seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        print(f"    {left:.0f} s {what}", flush=True)
        await asyncio.sleep(min(left, _PROGRESS_SECONDS))
