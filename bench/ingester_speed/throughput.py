"""Measures an ingester at full speed: CPU time of an event, events a second, peak memory, and Redis' CPU time.

The source sends as fast as the ingester reads. The start, with the first tenth of the events, is not measured.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.ingester_speed.processes import Ingester, ingester, replay
from bench.ingester_speed.table import Measures
from bench.ingester_speed.versions import Version
from bench.processes import cpu_seconds, memory, redis

_PATIENCE_SECONDS: Final = 900.0
_POLL_SECONDS: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class EventStream:
    """A stream to measure: the name of its source, its stream in Redis, and the settings to read only this one."""

    source: str
    redis_stream: str
    settings: Callable[[str], Mapping[str, str]]


FIREHOSE: Final = EventStream(
    source="firehose",
    redis_stream="firehose_live",
    settings=lambda url: {"INGESTER_MODE": "firehose", "INGESTER_RELAY_HOSTS": url},
)
LABELS: Final = EventStream(
    source="labels",
    redis_stream="label_live",
    settings=lambda url: {"INGESTER_MODE": "labeler", "INGESTER_LABELER_HOSTS": url},
)
REPOS: Final = EventStream(
    source="repos",
    redis_stream="repo_backfill",
    settings=lambda url: {"INGESTER_MODE": "backfill", "INGESTER_RELAY_HOSTS": url},
)


def measure_throughput(version: Version, stream: EventStream, *, events: int, place: Path) -> Measures:
    """One run, by the name of the measure."""
    with (
        redis(place / "redis") as server,
        replay("--stream", stream.source) as source,
        ingester(version, server=server, source=source, settings=stream.settings(source.url)) as process,
        server.client as client,
    ):
        redis_pid = int(_info(client)["process_id"])
        began = _reach(client, process, stream.redis_stream, events // 10)
        wall, cpu = time.monotonic(), cpu_seconds(process.pid)
        redis_cpu, source_cpu = cpu_seconds(redis_pid), cpu_seconds(source.pid)
        ended = _reach(client, process, stream.redis_stream, events)
        wall, cpu = time.monotonic() - wall, cpu_seconds(process.pid) - cpu
        redis_cpu, source_cpu = cpu_seconds(redis_pid) - redis_cpu, cpu_seconds(source.pid) - source_cpu
        if client.exists(f"{stream.redis_stream}:deadletter"):
            sys.exit(f"the ingester of {version.name} stored dead letters")
        stored = ended - began
        return {
            "CPU, us an event": 1e6 * cpu / stored,
            "events/s": stored / wall,
            "peak memory, MiB": memory(process.pid)["VmHWM"] / 1024,
            "CPU of Redis, us an event": 1e6 * redis_cpu / stored,
            "CPU of the source, us an event": 1e6 * source_cpu / stored,
        }


def _reach(client: Any, process: Ingester, stream: str, events: int) -> int:
    """Wait until so many events are stored. Returns how many there are."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (stored := int(client.xlen(stream))) < events:
        process.check()
        if time.monotonic() > deadline:
            sys.exit(f"{stored:,} instead of {events:,} events are stored after {_PATIENCE_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)
    return stored


def _info(client: Any) -> dict[str, Any]:
    info: dict[str, Any] = client.info("server")
    return info
