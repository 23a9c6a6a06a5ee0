"""What is told at intervals, beside the stream and never in its way."""

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
    """Write the health hash when something changed, and at least every 5 s."""
    while True:
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
    """Remove what every consumer group has acknowledged, for as long as there is some."""
    while True:
        removed = 0
        with contextlib.suppress(SinkError):
            removed = await trim(redis, stream)
        await asyncio.sleep(_TRIM_BUSY_SECONDS if removed >= LIMIT // 2 else _TRIM_SECONDS)


async def measure(redis: Client, metrics: Metrics, *, prefix: str) -> None:
    """Keep the gauges of the streams' lengths true."""
    while True:
        with contextlib.suppress(SinkError):
            for name, length in (await lengths(redis, prefix=prefix)).items():
                metrics.gauge(f"{name}_length").set(length)
        await asyncio.sleep(_LENGTHS_SECONDS)
