"""Measures how long a killed ingester stores nothing: from `kill -9` to the first new event, with a new process.

The source goes on at a steady rate, and gives the new process at once what it has missed.
"""

import random
import time
from pathlib import Path
from typing import Any, Final

from bench.ingester_speed.paced import paced_ingester, read_entries
from bench.ingester_speed.table import Measures
from bench.ingester_speed.throughput import FIREHOSE
from bench.ingester_speed.versions import Version

RATE: Final = 350
_RUNNING_SECONDS: Final = 3.0
_LAST_APPEND_SECONDS: Final = 0.05
"""For an append that the killed process has sent. The new process takes longer to start."""


def measure_restart(version: Version, *, batch_milliseconds: int, place: Path) -> Measures:
    """One run."""
    running = paced_ingester(version, rate=RATE, batch_milliseconds=batch_milliseconds, place=place)
    with running as (process, client):
        read_entries(client, b"0", count=1)
        time.sleep(_RUNNING_SECONDS + random.random() * batch_milliseconds / 1000)  # at any age of a batch
        began = time.monotonic()
        process.kill()
        process.start()
        time.sleep(_LAST_APPEND_SECONDS)
        newest: Any = client.xrevrange(FIREHOSE.redis_stream, count=1)
        read_entries(client, newest[0][0], count=1)
        return {"s": time.monotonic() - began}
