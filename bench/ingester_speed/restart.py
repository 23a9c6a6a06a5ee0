"""Measures how long a killed ingester stores nothing: from `kill -9` to the first new event, with a new process.

The source goes on at a steady rate, and gives the new process at once what it has missed.
"""

import random
import time
from pathlib import Path
from typing import Any, Final

from redis import Redis

from bench.ingester_speed.processes import ingester, replay
from bench.ingester_speed.table import Measures
from bench.ingester_speed.throughput import FIREHOSE
from bench.ingester_speed.versions import Version
from bench.processes import redis
from sluice_redis.ingester_settings import BATCH_TIMEOUT_MS

RATE: Final = 350
_RUNNING_SECONDS: Final = 3.0
_LAST_APPEND_SECONDS: Final = 0.05
"""For an append that the killed process has sent. The new process takes longer to start."""


def measure_restart(version: Version, *, batch_milliseconds: int, place: Path) -> Measures:
    """One run."""
    with (
        redis(place / "redis") as server,
        replay("--rate", str(RATE)) as source,
        ingester(
            version,
            server=server,
            source=source,
            settings={**FIREHOSE.settings(source.url), BATCH_TIMEOUT_MS.variable: str(batch_milliseconds)},
        ) as process,
        Redis(port=server.port) as client,
    ):
        _wait_for_entry(client, b"0")
        time.sleep(_RUNNING_SECONDS + random.random() * batch_milliseconds / 1000)  # at any age of a batch
        began = time.monotonic()
        process.kill()
        process.start()
        time.sleep(_LAST_APPEND_SECONDS)
        newest: Any = client.xrevrange(FIREHOSE.redis_stream, count=1)
        _wait_for_entry(client, newest[0][0])
        return {"s": time.monotonic() - began}


def _wait_for_entry(client: "Redis", last: bytes) -> None:
    if not client.xread({FIREHOSE.redis_stream: last}, count=1, block=30_000):
        raise RuntimeError("no entry came in 30 s")
