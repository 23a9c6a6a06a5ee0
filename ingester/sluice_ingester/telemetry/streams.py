"""Steps of background tasks: trimming a stream, and measuring the lengths of streams."""

import asyncio
import contextlib
import logging
from typing import Final

from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.stream_lengths import read_stream_lengths
from sluice_redis.sink.trim import MAX_PENDING_SCANNED, MAX_REMOVED, trim_consumed

_MEASURE_SECONDS: Final = 10.0
_TRIM_SECONDS: Final = 1.0
_TRIM_BUSY_SECONDS: Final = 0.05
_MAY_BE_MORE: Final = min(MAX_REMOVED // 2, MAX_PENDING_SCANNED // 2)
"""If one call removes this many entries, there may be more."""

_log = logging.getLogger("sluice_ingester.retention")


class Retention:
    """Removes entries of one stream that every consumer group has acknowledged."""

    def __init__(self, redis: RedisCalls, stream: str) -> None:
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


async def measure_stream_lengths(redis: RedisCalls, metrics: Metrics, *, prefix: str) -> None:
    """Set the gauges of the streams' lengths, and wait until the next call is due."""
    with contextlib.suppress(SinkError):
        for name, length in (await read_stream_lengths(redis, prefix=prefix)).items():
            metrics.gauge(f"{name}_length").set(length)
    await asyncio.sleep(_MEASURE_SECONDS)
