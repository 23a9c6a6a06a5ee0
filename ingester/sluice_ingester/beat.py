"""What is told at intervals, beside the stream and never in its way: one turn of each, see `helper`."""

import asyncio
import contextlib
from typing import Final

from sluice_ingester.metrics import Metrics
from sluice_ingester.redis_client import Client
from sluice_ingester.report import Report
from sluice_ingester.sink.append import Sink
from sluice_ingester.sink.errors import SinkError
from sluice_ingester.sink.lengths import lengths
from sluice_ingester.sink.trim import LIMIT, trim

BEAT_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 0.2
_TROUBLE_SECONDS: Final = 1.0
_LENGTHS_SECONDS: Final = 10.0
_TRIM_SECONDS: Final = 1.0
_TRIM_BUSY_SECONDS: Final = 0.05


async def beat(report: Report, sink: Sink) -> None:
    """Write the health hash once, and return when it is to be written again: after a change, or after 5 s."""
    report.changed.clear()
    pause = _SETTLE_SECONDS
    try:
        await sink.report(report.fields())
    except SinkError as error:
        pause = _TROUBLE_SECONDS
        if not report.in_backpressure:  # else the writer says it
            report.error(error.trouble.reason, error.trouble.message)
    await asyncio.sleep(pause)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BEAT_SECONDS - pause):
            await report.changed.wait()


async def retain(redis: Client, stream: str) -> None:
    """Remove some of what every consumer group has acknowledged, and wait until it is time for more."""
    removed = 0
    with contextlib.suppress(SinkError):
        removed = await trim(redis, stream)
    await asyncio.sleep(_TRIM_BUSY_SECONDS if removed >= LIMIT // 2 else _TRIM_SECONDS)


async def measure(redis: Client, metrics: Metrics, *, prefix: str) -> None:
    """Set the gauges of the streams' lengths, and wait until they are due again."""
    with contextlib.suppress(SinkError):
        for name, length in (await lengths(redis, prefix=prefix)).items():
            metrics.gauge(f"{name}_length").set(length)
    await asyncio.sleep(_LENGTHS_SECONDS)
