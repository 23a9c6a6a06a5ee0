"""A consumer of what Sluice stores: reads a stream as a member of a consumer group, and acknowledges.

    REDIS_URL=redis://localhost:6379/0 python consumer.py

Copy it and put your own work into `work`. It needs redis-py and nothing else. What it relies on:

- An entry is acknowledged after the work is done. A consumer that dies loses nothing: what it was given stays pending,
  and another consumer claims it after a minute. So an entry may be worked on twice, and `work` must bear that:
  `(seq, collection, rkey)` is the same each time.
- With `spec.retention.trimConsumed: true` the ingester removes what every group has acknowledged. Without that, or
  without a consumer, the stream grows up to `spec.backpressure.highWaterMark`, and then the ingester stops reading.

Settings are variables of the environment: REDIS_URL, STREAM (firehose_live), GROUP (example), and CONSUMER, the name of
this process in the group. Give each process a name of its own that it keeps over a restart, such as a pod's name.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

STREAM = os.environ.get("STREAM", "firehose_live")
GROUP = os.environ.get("GROUP", "example")
CONSUMER = os.environ.get("CONSUMER", socket.gethostname())
BATCH = 500
BLOCK_MILLISECONDS = 2_000
CLAIM_AFTER_MILLISECONDS = 60_000
TELL_SECONDS = 10.0


def work(event: dict[str, Any], seen: Counter[str]) -> None:
    """Your work on one event. This one counts them by type."""
    seen[event["type"]] += 1


def main() -> None:
    """Consume until SIGTERM or SIGINT; a Redis that is away is waited for."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    client = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=10)
    seen: Counter[str] = Counter()
    told = time.monotonic()
    while not stop.is_set():
        try:
            make_group(client)
            consume(client, seen)
        except RedisError as error:
            print(f"Redis: {error}; trying again", file=sys.stderr, flush=True)
            stop.wait(1)
        if time.monotonic() - told >= TELL_SECONDS:
            tell(seen)
            told = time.monotonic()
    tell(seen)


def make_group(client: Any) -> None:
    """Make the group, from the oldest entry on, unless it is there. It is gone when somebody deletes the stream."""
    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def consume(client: Any, seen: Counter[str]) -> None:
    """Take what others have left and what is new, work on it, acknowledge it."""
    _, left, *_ = client.xautoclaim(STREAM, GROUP, CONSUMER, min_idle_time=CLAIM_AFTER_MILLISECONDS, count=BATCH)
    new = client.xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=BATCH, block=BLOCK_MILLISECONDS)
    entries = [*left, *(entry for _, found in new or () for entry in found)]
    for _, fields in entries:
        work(json.loads(fields["event"]), seen)
    if entries:
        client.xack(STREAM, GROUP, *(name for name, _ in entries))


def tell(seen: Counter[str]) -> None:
    """Say how much was done."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in seen.most_common())
    print(f"{GROUP}: {seen.total()} events acknowledged{f' ({kinds})' if kinds else ''}", flush=True)


if __name__ == "__main__":
    main()
