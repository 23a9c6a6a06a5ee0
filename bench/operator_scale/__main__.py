"""Measures the operator with many resources, on a real API server. The command of `make bench-operator`.

    make bench-operator
    make bench-operator BENCH_ARGS=--quick
    make bench-operator BENCH_ARGS="--resources 300 --suspended --rest-seconds 60 --only rest"

It starts, on loopback: etcd, the API server, the controller manager, a Redis, the operator with its default settings,
and a player, which plays the nodes and the ingesters. Each number of resources has a new cluster. The resources are
Labelers of sources that do not exist: the player reports their pods as running, and writes and beats their health
hashes. The controller manager may send 1,000 requests a second, since its default of 20 would be what is measured.

Phases:

- apply: from the user's first request until all resources are Ready. It is always done, the others follow it
- rest: nothing changes except heartbeats
- change: one resource among all changes, until its status tells it: a spec, a halted ingester, a restarted container
- restart: of the operator, until it has looked at all resources
- floor: the same writes as in `apply`, by the operator's client, without any decision. It runs in a cluster of its own.
  No operator in Python that makes these writes can be faster than this; read the ratio
- bytes: between operator and API server, in a cluster of its own with few resources

All processes share the machine's cores. If the CPU times of `apply` add up to all cores, the machine is the limit: read
the CPU time of the operator, and the ratio to the floor. If other programs had much CPU time in a phase, do not trust
its times: run it again. A change of the spec has a new pod, so its `until Ready again` includes the controller manager
and the player.
"""

import argparse
import asyncio
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.operator_scale.applying import OTHERS, measure_apply
from bench.operator_scale.changing import measure_changes
from bench.operator_scale.cluster import Cluster, cluster
from bench.operator_scale.floor_run import best_concurrency, measure_floor
from bench.operator_scale.helper import end_on_signals
from bench.operator_scale.labelers import create_namespaces, labelers
from bench.operator_scale.options import Options
from bench.operator_scale.requests import Requests
from bench.operator_scale.rest import measure_rest
from bench.operator_scale.restarting import measure_restart
from bench.operator_scale.table import Results
from bench.operator_scale.template import Template, make_template
from bench.operator_scale.traffic import measure_bytes
from tests.integration.operator.control_plane import MISSING
from tests.integration.redis_server import BINARY

_PHASES: Final = ("apply", "rest", "change", "restart", "floor", "bytes")
_READY: Final = "until all are Ready, s"
_MAX_OTHERS: Final = 25.0
"""With more % of a core for other programs, the times of operator and floor can't be compared."""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--resources", nargs="+", type=int, default=[100, 500, 1000], metavar="N")
    parser.add_argument("--namespaces", type=int, default=1, help="to spread the resources over")
    parser.add_argument("--suspended", action="store_true", help="resources with spec.suspend, which have no pods")
    parser.add_argument("--connections", type=int, default=8, help="of the user who applies the resources")
    parser.add_argument("--rest-seconds", type=float, default=300.0)
    parser.add_argument("--settle-seconds", type=float, default=40.0, help="between Ready and the rest")
    parser.add_argument("--changes", type=int, default=20, help="of each kind")
    parser.add_argument("--concurrency", type=int, help="writes at a time of the floor; default: the best of a trial")
    parser.add_argument("--bytes-resources", type=int, default=50, metavar="N")
    parser.add_argument("--seed", type=int, default=1, help="chooses the resources that change")
    parser.add_argument("--only", nargs="+", choices=_PHASES, default=list(_PHASES), metavar="PHASE")
    parser.add_argument("--quick", action="store_true", help="30 resources and short phases, to try it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    given = parser.parse_args()
    if given.quick:
        given.resources, given.rest_seconds, given.settle_seconds, given.changes = [30], 20.0, 5.0, 3
        given.bytes_resources, given.concurrency = 20, given.concurrency or 16
    if MISSING or BINARY is None:
        sys.exit(f"missing: {', '.join(MISSING) or 'redis-server'}. `make prepare` builds and installs what is missing")
    chosen = {name: getattr(given, name) for name in Options.__slots__}
    results = Results()
    end_on_signals()
    is_complete = False
    with suppress(KeyboardInterrupt):
        asyncio.run(_Run(Options(**chosen), frozenset(given.only), results).measure_all(given.resources))
        is_complete = True
    if results.columns:
        print(f"\n{results.markdown()}")
    if given.json:
        given.json.write_text(json.dumps({"options": chosen, "results": results.columns}, indent=2) + "\n")
    sys.exit(0 if is_complete else "interrupted; all processes have ended")


class _Run:
    """One run with all its numbers of resources."""

    def __init__(self, options: Options, phases: frozenset[str], results: Results) -> None:
        self._options = options
        self._phases = phases
        self._concurrency = options.concurrency
        self.results = results

    async def measure_all(self, counts: list[int]) -> None:
        """All phases for each number of resources."""
        for count in counts:
            began = time.monotonic()
            async with cluster(f"{count:,} resources") as running:
                template = await self._measure_operator(running, count)
            if "floor" in self._phases:
                await self._measure_floor(template, count)
            print(f"  {count:,} resources took {time.monotonic() - began:.0f} s", flush=True)
        if "bytes" in self._phases:
            column = f"N={self._options.bytes_resources:,}"
            async with cluster(f"bytes with {self._options.bytes_resources:,} resources") as running:
                self.results.add(column, "bytes", await measure_bytes(running, self._options))

    async def _measure_operator(self, running: Cluster, count: int) -> Template:
        options, phases, column = self._options, self._phases, f"N={count:,}"
        resources = labelers(count, namespaces=options.namespaces)
        await create_namespaces(running.api, resources)
        operator = running.operator()
        try:
            await operator.start()
            measures, requests = await measure_apply(running, operator, resources, options)
            self.results.add(column, "apply", measures)
            template = await self._template(running, requests, count)
            if "rest" in phases:
                self.results.add(column, "rest", await measure_rest(running, operator, options))
            if "change" in phases:
                self.results.add(column, "change", await measure_changes(running, operator, resources, options))
            if "restart" in phases:
                self.results.add(column, "restart", await measure_restart(running, operator, count))
        finally:
            operator.stop()
        return template

    async def _template(self, running: Cluster, requests: Requests, count: int) -> Template:
        return await make_template(
            running.api,
            running.statuses,
            status_writes=requests.count("patch labelers/status") / count,
            events=requests.count("create events") / count,
            has_pod=not self._options.suspended,
        )

    async def _measure_floor(self, template: Template, count: int) -> None:
        column = f"N={count:,}"
        if self._concurrency is None:
            self._concurrency = await best_concurrency(template, self._options)
        async with cluster(f"floor with {count:,} resources") as running:
            measures = dict(
                await measure_floor(running, template, self._options, count=count, concurrency=self._concurrency)
            )
        own = self.results.columns[column]["apply"]
        if max(own[OTHERS], measures[OTHERS]) <= _MAX_OTHERS:
            measures["operator : floor, until all are Ready"] = own[_READY] / measures[_READY]
        else:
            print("  no ratio of the times: other programs had too much CPU time", flush=True)
        measures["operator : floor, CPU"] = own["CPU of the operator, s"] / measures["CPU of the floor, s"]
        self.results.add(column, "floor", measures)


if __name__ == "__main__":
    main()
