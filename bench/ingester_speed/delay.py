"""Measures how long an event takes from the source to a consumer: from `time`, when the source sent it, to an XREAD.

The source sends at a steady rate. The consumer is this process: it waits in XREAD, and compares with its own clock,
which is the source's. `time` has milliseconds, so a delay is up to one millisecond too long.
"""

import re
import statistics
import time
from pathlib import Path
from typing import Final

from bench.ingester_speed.paced import paced_ingester, read_entries
from bench.ingester_speed.table import Measures
from bench.ingester_speed.versions import Version
from bench.processes import cpu_seconds

_DAY_SECONDS: Final = 86_400.0
_STARTING_SECONDS: Final = 2.0
"""From the first event on, they are not measured: the connection is new, and a process starts."""
_TIME: Final = re.compile(rb'"time":"[0-9-]{10}T([0-9]{2}):([0-9]{2}):([0-9.]{6})Z"')


def measure_delay(version: Version, *, rate: int, batch_milliseconds: int, seconds: float, place: Path) -> Measures:
    """One run."""
    delays: list[float] = []
    running = paced_ingester(version, rate=rate, batch_milliseconds=batch_milliseconds, place=place)
    with running as (process, client):
        last = read_entries(client, b"0", count=1000)[-1][0]
        begin = time.monotonic() + _STARTING_SECONDS
        cpu, at = 0.0, 0.0
        while (now := time.monotonic()) < begin + seconds:
            process.check()
            entries = read_entries(client, last, count=1000)
            now = time.time()
            last = entries[-1][0]
            if time.monotonic() < begin:
                cpu, at = cpu_seconds(process.pid), time.monotonic()
                continue
            delays += [(now - _seconds_of_day(fields[b"event"])) % _DAY_SECONDS for _, fields in entries]
        share = (cpu_seconds(process.pid) - cpu) / (time.monotonic() - at)
    return {
        "median, ms": 1e3 * statistics.median(delays),
        "p99, ms": 1e3 * statistics.quantiles(delays, n=100)[98],
        "CPU, % of a core": 100 * share,
    }


def _seconds_of_day(event: bytes) -> float:
    found = _TIME.search(event)
    assert found
    hours, minutes, seconds = found.groups()
    return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)
