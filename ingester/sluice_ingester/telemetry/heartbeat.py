"""What is told at intervals, beside the stream and never in its way: one turn of each, see `helper`."""

import asyncio
import contextlib
import logging
from typing import Final

from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.client import RedisClient
from sluice_redis.sink.append import RedisSink
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.stream_lengths import read_stream_lengths
from sluice_redis.sink.trim import MAX_PENDING_SCANNED, MAX_REMOVED, trim_consumed

HEARTBEAT_SECONDS: Final = 5.0
_MIN_INTERVAL_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 1.0
_MEASURE_SECONDS: Final = 10.0
_TRIM_SECONDS: Final = 1.0
_TRIM_BUSY_SECONDS: Final = 0.05
_MAY_BE_MORE: Final = min(MAX_REMOVED // 2, MAX_PENDING_SCANNED // 2)
"""So many entries removed in one call tell that there may be more."""

_log = logging.getLogger("sluice_ingester.retention")


async def send_heartbeat(report: HealthReport, sink: RedisSink) -> None:
    """Write the health hash once, and return when it is to be written again: after a change, or after 5 s."""
    report.changed.clear()
    pause = _MIN_INTERVAL_SECONDS
    try:
        await sink.write_health(report.fields())
    except SinkError as error:
        pause = _RETRY_SECONDS
        if not report.in_backpressure:  # else the writer says it
            report.error(error.failure.reason, error.failure.message)
    await asyncio.sleep(pause)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEARTBEAT_SECONDS - pause):
            await report.changed.wait()


class Retention:
    """Removes from one stream what every consumer group has acknowledged."""

    def __init__(self, redis: RedisClient, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._logged_error = ""

    async def trim(self) -> None:
        """Remove some of it, and wait until it is time for more.

        That it can't be done is logged when it begins, and when the cause changes.
        """
        removed = 0
        try:
            removed = await trim_consumed(self._redis, self._stream)
            self._logged_error = ""
        except SinkError as error:
            if error.failure.permanent and error.failure.message != self._logged_error:
                self._logged_error = error.failure.message
                _log.warning("nothing is trimmed in %s: %s", self._stream, self._logged_error)
        await asyncio.sleep(_TRIM_BUSY_SECONDS if removed >= _MAY_BE_MORE else _TRIM_SECONDS)


async def measure_stream_lengths(redis: RedisClient, metrics: Metrics, *, prefix: str) -> None:
    """Set the gauges of the streams' lengths, and wait until they are due again."""
    with contextlib.suppress(SinkError):
        for name, length in (await read_stream_lengths(redis, prefix=prefix)).items():
            metrics.gauge(f"{name}_length").set(length)
    await asyncio.sleep(_MEASURE_SECONDS)
