"""Measures a restart of the operator: until the new process has looked at all resources, and what it writes."""

import sys
import time
from typing import Final

from bench.operator_scale.cluster import Cluster, requests_of_operator
from bench.operator_scale.operator_process import OperatorProcess
from bench.operator_scale.table import Measures

_PATIENCE_SECONDS: Final = 300.0
_QUEUE_SECONDS: Final = 30.0


async def measure_restart(cluster: Cluster, operator: OperatorProcess, count: int) -> Measures:
    """Stop the operator with SIGTERM, and start it again.

    Its queue may never be empty, if it has more to do than it can.
    """
    stop_seconds = operator.stop()
    audit, began = cluster.audit, time.monotonic()
    ready_seconds = await operator.start()
    total, depth = await operator.reconciles_and_depth()
    while total < count:
        if time.monotonic() - began > _PATIENCE_SECONDS:
            sys.exit(f"only {total:,.0f} reconciles after {_PATIENCE_SECONDS:g} s")
        total, depth = await operator.reconciles_and_depth()
    all_seconds, cpu, found = time.monotonic() - began, operator.cpu_seconds, requests_of_operator(audit)
    measures = {
        "until it has stopped, s": stop_seconds,
        "until /readyz, s": ready_seconds,
        "until as many reconciles as resources, s": all_seconds,
        "CPU of the operator until then, s": cpu,
        "reads": found.reads,
        "writes, except of Leases": found.writes,
        **found.kinds,
        "answers with an error, such as 404": found.errors,
    }
    while depth > 0 and time.monotonic() - began < all_seconds + _QUEUE_SECONDS:
        _, depth = await operator.reconciles_and_depth()
    return measures | ({} if depth else {"until the queue is empty, s": time.monotonic() - began}) | operator.memory
