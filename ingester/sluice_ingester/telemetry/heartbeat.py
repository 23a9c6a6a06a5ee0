"""Steps of background tasks: writing the health hash, trimming a stream, measuring stream lengths."""

import asyncio
import contextlib
import logging
from typing import Final

from sluice_common.clock import SYSTEM_CLOCK, Clock, wait_until_set
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.client import RedisClient
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.protocol import Sink
from sluice_redis.sink.stream_lengths import read_stream_lengths
from sluice_redis.sink.trim import MAX_PENDING_SCANNED, MAX_REMOVED, trim_consumed

HEARTBEAT_SECONDS: Final = 5.0
_MIN_INTERVAL_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 1.0
_MEASURE_SECONDS: Final = 10.0
_TRIM_SECONDS: Final = 1.0
_TRIM_BUSY_SECONDS: Final = 0.05
_MAY_BE_MORE: Final = min(MAX_REMOVED // 2, MAX_PENDING_SCANNED // 2)
"""If one call removes this many entries, there may be more."""

_log = logging.getLogger("sluice_ingester.retention")


async def send_heartbeat(report: HealthReport, sink: Sink, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Write the health hash once. Return when it must be written again: after a change, or after 5 s."""
    report.changed.clear()
    pause = _MIN_INTERVAL_SECONDS
    try:
        await sink.write_health(report.fields())
    except SinkError as error:
        pause = _RETRY_SECONDS
        if not report.in_backpressure:  # otherwise the writer reports it
            report.error(error.failure.reason, error.failure.message)
    await clock.sleep(pause)
    await wait_until_set(report.changed, seconds=HEARTBEAT_SECONDS - pause, clock=clock)


class Retention:
    """Removes entries of one stream that every consumer group has acknowledged."""

    def __init__(self, redis: RedisClient, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._logged_error = ""

    async def trim(self) -> None:
        """Remove some entries, and wait until the next call is due.

        A permanent failure is logged once, and again if its message changes.
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
    """Set the gauges of the streams' lengths, and wait until the next call is due."""
    with contextlib.suppress(SinkError):
        for name, length in (await read_stream_lengths(redis, prefix=prefix)).items():
            metrics.gauge(f"{name}_length").set(length)
    await asyncio.sleep(_MEASURE_SECONDS)
