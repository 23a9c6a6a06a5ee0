"""A consumer of a stream: it reads entries as a member of a consumer group and acknowledges them.

    REDIS_URL=redis://localhost:6379/0 python consumer.py

Copy it and put your own work into `work`. It needs only redis-py. How it works:

- An entry is acknowledged after the work is done. If a consumer dies, its entries stay pending, and another consumer
  claims them after a minute. So `work` can get an event twice and must be idempotent: `(seq, collection, rkey)` is the
  same each time.
- With `spec.retention.trimConsumed: true` the ingester removes entries that every group has acknowledged. Otherwise, or
  without a consumer, the stream grows to `spec.backpressure.highWaterMark`, and then the ingester stops reading.

Settings are environment variables: REDIS_URL, STREAM (firehose_live), GROUP (example) and CONSUMER, the name of this
process in the group. Each process needs its own name and must keep it after a restart, such as the name of its pod.
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
REPORT_SECONDS = 10.0


def work(event: dict[str, Any], seen: Counter[str]) -> None:
    """Your work on one event. This one counts them by type."""
    seen[event["type"]] += 1


def main() -> None:
    """Consume until SIGTERM or SIGINT. While Redis is away, try again."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    client = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=10)
    seen: Counter[str] = Counter()
    reported = time.monotonic()
    while not stop.is_set():
        try:
            make_group(client)
            consume(client, seen)
        except RedisError as error:
            print(f"Redis: {error}; trying again", file=sys.stderr, flush=True)
            stop.wait(1)
        if time.monotonic() - reported >= REPORT_SECONDS:
            report(seen)
            reported = time.monotonic()
    report(seen)


def make_group(client: Any) -> None:
    """Create the group at the oldest entry, unless it exists. It is gone after somebody deletes the stream."""
    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def consume(client: Any, seen: Counter[str]) -> None:
    """Take abandoned and new entries, do the work and acknowledge them."""
    _, abandoned, *_ = client.xautoclaim(STREAM, GROUP, CONSUMER, min_idle_time=CLAIM_AFTER_MILLISECONDS, count=BATCH)
    new = client.xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=BATCH, block=BLOCK_MILLISECONDS)
    entries = [*abandoned, *(entry for _, found in new or () for entry in found)]
    for _, fields in entries:
        work(json.loads(fields["event"]), seen)
    if entries:
        client.xack(STREAM, GROUP, *(name for name, _ in entries))


def report(seen: Counter[str]) -> None:
    """Print how many events were acknowledged."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in seen.most_common())
    print(f"{GROUP}: {seen.total()} events acknowledged{f' ({kinds})' if kinds else ''}", flush=True)


if __name__ == "__main__":
    main()
