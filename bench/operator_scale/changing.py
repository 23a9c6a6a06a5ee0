"""Measures how soon the status tells of one change among many resources: in the spec, the ingester, the container."""

import random
import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from bench.operator_scale.cluster import Cluster
from bench.operator_scale.labelers import Labeler, edit
from bench.operator_scale.operator_process import OperatorProcess
from bench.operator_scale.options import Options
from bench.operator_scale.statuses import Says, is_ready, is_stalled, observes, restarts
from bench.operator_scale.table import Measures

_PATIENCE_SECONDS: Final = 120.0
_REASON: Final = "ConsumerTooSlow"
_MESSAGE: Final = "the source has closed the connection: ConsumerTooSlow"

Times = dict[str, list[float]]


async def measure_changes(
    cluster: Cluster, operator: OperatorProcess, resources: Sequence[Labeler], options: Options
) -> Measures:
    """Change one resource after the other. Each change waits until the one before is over."""
    chosen, found = random.Random(options.seed), Times()
    kinds = [_edit] if options.suspended else [_edit, _halt, _restart]
    for number in range(options.changes):
        operator.check()
        for change, resource in zip(kinds, chosen.sample(resources, len(kinds)), strict=True):
            for what, seconds in (await change(cluster, resource)).items():
                found.setdefault(what, []).append(seconds)
        if number % 5 == 4:
            print(f"    {number + 1} of {options.changes} changes of each kind", flush=True)
    measures: dict[str, float] = {}
    for what, times in found.items():
        measures[f"{what}: median, s"] = statistics.median(times)
        measures[f"{what}: max, s"] = max(times)
    return measures


async def _edit(cluster: Cluster, resource: Labeler) -> dict[str, float]:
    began = time.monotonic()
    generation = await edit(cluster.api, resource)
    observed_at = await _until(cluster, resource, partial(observes, generation=generation))
    ready_at = await _until(cluster, resource, partial(is_ready, generation=generation))
    return {
        "spec edit, until the status is of it": observed_at - began,
        "spec edit, until Ready again": max(observed_at, ready_at) - began,
    }


async def _halt(cluster: Cluster, resource: Labeler) -> dict[str, float]:
    halted_at = await cluster.player.ask(do="halt", host=resource.host, reason=_REASON, message=_MESSAGE)
    stalled_at = await _until(cluster, resource, is_stalled)
    streaming_at = await cluster.player.ask(do="stream", host=resource.host)
    ready_at = await _until(cluster, resource, is_ready)
    return {
        "ingester halts, until Ready=False and Stalled": stalled_at - halted_at,
        "ingester streams, until Ready": ready_at - streaming_at,
    }


async def _restart(cluster: Cluster, resource: Labeler) -> dict[str, float]:
    before = restarts(cluster.statuses.newest[resource])
    restarted_at = await cluster.player.ask(do="restart", host=resource.host)
    counted_at = await _until(cluster, resource, lambda found: restarts(found) > before)
    await _until(cluster, resource, is_ready)
    return {"container restart, until it is counted": counted_at - restarted_at}


async def _until(cluster: Cluster, resource: Labeler, says: Says) -> float:
    try:
        return await cluster.statuses.until(resource, says, seconds=_PATIENCE_SECONDS)
    except TimeoutError:
        newest = cluster.statuses.newest[resource]["status"]
        sys.exit(f"{resource.name} does not say it after {_PATIENCE_SECONDS:g} s: {newest}")
