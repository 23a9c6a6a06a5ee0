"""The example consumer as a process with a real Redis."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from redis import Redis

from e2e.tests.wait import eventually
from tests.integration.redis_server import RedisServer

SCRIPT: Final = Path(__file__).parents[2] / "examples" / "consumer" / "consumer.py"
STREAM: Final = "firehose_live"


@contextmanager
def consumer(url: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, SCRIPT],
        env={**os.environ, "REDIS_URL": url, "CONSUMER": "one", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def add(client: Any, count: int) -> None:
    for number in range(count):
        client.xadd(STREAM, {"event": json.dumps({"type": "create", "seq": number})})


def acknowledged(client: Any, events: int) -> None:
    """Wait until its group has read so many entries and acknowledged them."""
    eventually(
        lambda: [(one["entries-read"], one["pending"]) for one in client.xinfo_groups(STREAM)],
        until=lambda seen: seen == [(events, 0)],
        within=60,
    )


def test_it_acknowledges_present_and_new_entries(redis_server: RedisServer) -> None:
    client = Redis.from_url(redis_server.url, decode_responses=True)
    add(client, 700)
    with consumer(redis_server.url) as process:
        acknowledged(client, 700)
        add(client, 3)
        acknowledged(client, 703)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1] == "example: 703 events acknowledged (703 create)"


def test_it_continues_with_a_stream_that_was_deleted(redis_server: RedisServer) -> None:
    client = Redis.from_url(redis_server.url, decode_responses=True)
    add(client, 1)
    with consumer(redis_server.url):
        acknowledged(client, 1)
        client.delete(STREAM)
        add(client, 2)
        acknowledged(client, 2)


def test_it_claims_the_entries_of_a_dead_consumer(redis_server: RedisServer) -> None:
    client: Any = Redis.from_url(redis_server.url, decode_responses=True)
    add(client, 5)
    client.xgroup_create(STREAM, "example", id="0")
    [[_, entries]] = client.xreadgroup("example", "dead", {STREAM: ">"}, count=5)
    client.xclaim(STREAM, "example", "dead", 0, [name for name, _ in entries], idle=61_000)
    with consumer(redis_server.url):
        acknowledged(client, 5)
