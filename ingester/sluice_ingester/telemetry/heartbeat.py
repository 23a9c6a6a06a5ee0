"""What is told at intervals, beside the stream and never in its way: one turn of each, see `helper`."""

import asyncio
import contextlib
import logging
from typing import Final

from sluice_ingester.telemetry.health_report import Report
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.client import Client
from sluice_redis.sink.append import Sink
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.stream_lengths import lengths
from sluice_redis.sink.trim import LIMIT, STEPS, trim

BEAT_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 0.2
_TROUBLE_SECONDS: Final = 1.0
_LENGTHS_SECONDS: Final = 10.0
_TRIM_SECONDS: Final = 1.0
_TRIM_BUSY_SECONDS: Final = 0.05
_MANY: Final = min(LIMIT // 2, STEPS // 2)
"""So many entries removed in one call tell that there may be more."""

_log = logging.getLogger("sluice_ingester.retention")


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


class Retention:
    """Removes from one stream what every consumer group has acknowledged."""

    def __init__(self, redis: Client, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._told = ""

    async def trim(self) -> None:
        """Remove some of it, and wait until it is time for more.

        That it can't be done is logged when it begins, and when the cause changes.
        """
        removed = 0
        try:
            removed = await trim(self._redis, self._stream)
            self._told = ""
        except SinkError as error:
            if error.trouble.lasting and error.trouble.message != self._told:
                self._told = error.trouble.message
                _log.warning("nothing is trimmed in %s: %s", self._stream, self._told)
        await asyncio.sleep(_TRIM_BUSY_SECONDS if removed >= _MANY else _TRIM_SECONDS)


async def measure(redis: Client, metrics: Metrics, *, prefix: str) -> None:
    """Set the gauges of the streams' lengths, and wait until they are due again."""
    with contextlib.suppress(SinkError):
        for name, length in (await lengths(redis, prefix=prefix)).items():
            metrics.gauge(f"{name}_length").set(length)
    await asyncio.sleep(_LENGTHS_SECONDS)
