"""Measures what quiet sources cost: an ingester of 100 and of 300 labelers that send a label now and then.

    uv run python -m bench.quiet_sources
    uv run python -m bench.quiet_sources --against main --counts 100 300 --tls
    uv run python -m bench.quiet_sources --only delay

The labelers are one process of their own (`bench.labelers`). Redis is a real server on the same machine. It compares
this checkout with others (--against), each a commit or a directory, as `bench.ingester_speed` does.

- rest: CPU time in percent of a core, resident memory, commands and round trips a second of Redis, over --seconds
- delay: from a label's `cts` until a consumer reads it, alone and while a relay floods the same process
"""

import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from redis import Redis

from bench.ingester_speed.processes import compile_bytecode, ingester_environment
from bench.ingester_speed.table import Measures, Results
from bench.ingester_speed.versions import Version, other_version, this_checkout
from bench.processes import cpu_seconds, memory, redis
from sluice_redis import ingester_settings as settings
from tests.integration.ingester.certificate import make_certificate
from tests.integration.redis_server import RedisServer

_CONNECT_SECONDS: Final = 120.0
_SETTLE_SECONDS: Final = 6.0
"""After the last source has connected: one heartbeat of each."""
_KEPT_ENTRIES: Final = 2000
_CTS: Final = re.compile(rb'"cts":"([^"]*)"')


def main() -> None:
    """Measure, round by round, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--against", nargs="*", default=[], metavar="PATH_OR_COMMIT", help="to compare with")
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 100, 300], help="numbers of labelers")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--history", type=int, default=0, help="labels of each labeler that are read at the start")
    parser.add_argument("--tls", action="store_true", help="sources with TLS, as in the network")
    parser.add_argument("--only", nargs="+", choices=["rest", "delay"], default=["rest", "delay"])
    options = parser.parse_args()
    versions = [this_checkout(), *map(other_version, options.against)]
    for version in versions:
        compile_bytecode(version)
    results = Results()
    with tempfile.TemporaryDirectory() as place:
        for _ in range(options.rounds):
            for run in _runs(options):
                for version in versions:
                    measures = _measure(version, run, options, Path(place))
                    name = f"{run.name}, {version.name}"
                    results.add(run.section, name, measures)
                    shown = "  ".join(f"{value:,.2f} {measure}" for measure, value in measures.items())
                    print(f"{run.section}: {name}: {shown}", flush=True)
    for run in _runs(options):
        for other in versions[1:]:
            this, that = f"{run.name}, {versions[0].name}", f"{run.name}, {other.name}"
            results.add_ratios(run.section, f"{run.name}, ratio", this, that)
    print(f"\n{results.markdown()}")


@dataclass(frozen=True)
class Run:
    """Something to measure once a round. `flood` is what the relay sends, if there is one."""

    section: str
    name: str
    count: int
    flood: str | None = None


def _runs(options: argparse.Namespace) -> Iterator[Run]:
    if "rest" in options.only:
        for count in options.counts:
            yield Run("rest", f"{count} labelers" if count > 1 else "1 labeler", count)
    if "delay" in options.only:
        count = max(min(options.counts[-1], 100), 1)
        for flood in (None, "commits", "large"):
            yield Run("delay", f"{count} labelers, {flood or 'no flood'}", count, flood)


def _measure(version: Version, run: "Run", options: argparse.Namespace, place: Path) -> Measures:
    with (
        redis(place / "redis") as server,
        _labelers(run, options, place) as sources,
        _ingester(version, server, sources, place=place, tls=options.tls, is_fast=run.section == "delay") as pid,
        Redis(port=server.port) as client,
    ):
        _wait_until_streaming(client, sources["labelers"])
        time.sleep(_SETTLE_SECONDS)
        if run.section == "rest":
            return _measure_rest(pid, client, options.seconds)
        return _measure_delay(pid, client, options.seconds)


def _measure_rest(pid: int, client: "Redis", seconds: float) -> Measures:
    before, cpu, at = _totals(client), cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    after, passed = _totals(client), time.monotonic() - at
    return {
        "CPU, % of a core": 100 * (cpu_seconds(pid) - cpu) / passed,
        "memory, MiB": memory(pid)["VmRSS"] / 1024,
        "peak memory, MiB": memory(pid)["VmHWM"] / 1024,
        "commands, a second": (after[0] - before[0]) / passed,
        "round trips, a second": (after[1] - before[1]) / passed,
        "connections to Redis": after[2],
    }


def _totals(client: "Redis") -> tuple[float, float, float]:
    """Commands, reads from clients, and connections of the server so far. Commands of scripts count."""
    stats: Mapping[str, Any] = client.info("all")
    calls = sum(value["calls"] for name, value in stats.items() if name.startswith("cmdstat_"))
    return calls, stats["total_reads_processed"], stats["connected_clients"] - 1


def _measure_delay(pid: int, client: "Redis", seconds: float) -> Measures:
    """Read the labels as a consumer does, and keep the other stream short."""
    delays: list[float] = []
    last: Any = "$"
    begin, cpu = time.monotonic(), cpu_seconds(pid)
    before = _stored(client)
    while time.monotonic() < begin + seconds:
        answer: Any = client.xread({"label_live": last}, count=1000, block=500)
        now = datetime.now(UTC)
        for _, entries in answer or []:
            last = entries[-1][0]
            for _, fields in entries:
                found = _CTS.search(fields[b"labels"])
                assert found
                delays.append((now - datetime.fromisoformat(found[1].decode())).total_seconds())
        client.xtrim("firehose_live", maxlen=_KEPT_ENTRIES)
        client.xtrim("label_live", maxlen=_KEPT_ENTRIES)
    passed = time.monotonic() - begin
    return {
        "median, ms": 1e3 * statistics.median(delays),
        "p99, ms": 1e3 * statistics.quantiles(delays, n=100)[98],
        "max, ms": 1e3 * max(delays),
        "labels": len(delays),
        "flood, events a second": (_stored(client) - before) / passed,
        "CPU, % of a core": 100 * (cpu_seconds(pid) - cpu) / passed,
        "memory, MiB": memory(pid)["VmHWM"] / 1024,
    }


def _stored(client: "Redis") -> int:
    """Events of the relay that are stored so far."""
    keys: list[bytes] = list(client.scan_iter("firehose_live:health:*"))
    return sum(int(client.hget(key, "events") or 0) for key in keys)


def _wait_until_streaming(client: "Redis", labelers: list[str]) -> None:
    deadline = time.monotonic() + _CONNECT_SECONDS
    keys = [f"label_live:health:{one.split('//')[1]}" for one in labelers]
    while True:
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.hget(key, "state")
        missing = sum(state != b"streaming" for state in pipeline.execute())
        if not missing:
            return
        if time.monotonic() > deadline:
            sys.exit(f"{missing} of {len(keys)} labelers do not stream")
        time.sleep(0.2)


@contextmanager
def _labelers(run: Run, options: argparse.Namespace, place: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "bench.labelers", "--count", str(run.count), "--history", str(options.history)]
    command += ["--rate", "1" if run.section == "rest" else "50"]
    if run.flood:
        command += ["--flood", run.flood]
    if options.tls:
        certificate = make_certificate(place)
        command += ["--certificate", str(certificate.chain), "--key", str(certificate.key)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def _ingester(
    version: Version, server: RedisServer, sources: Mapping[str, Any], *, place: Path, tls: bool, is_fast: bool
) -> Iterator[int]:
    environment = ingester_environment(version) | {
        settings.REDIS_URL.variable: server.url,
        settings.LABELER_HOSTS.variable: ",".join(sources["labelers"]),
        settings.MODE.variable: "all" if sources["relay"] else "labeler",
        settings.RELAY_HOSTS.variable: sources["relay"] or "",
        settings.COLLECTIONS.variable: "*",
        settings.HIGH_WATER_MARK.variable: "100000000",
    }
    if is_fast:
        environment[settings.BATCH_TIMEOUT_MS.variable] = "20"
    if tls:
        environment[settings.CA_BUNDLE.variable] = str(place / "server.pem")
    with (place / "ingester.log").open("ab") as log:
        process = subprocess.Popen(version.command, env=environment, stderr=log)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
