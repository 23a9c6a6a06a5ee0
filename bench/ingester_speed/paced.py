"""An ingester of a source with a steady rate, and a consumer that waits for its entries."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from bench.ingester_speed.processes import Ingester, ingester, replay
from bench.ingester_speed.throughput import FIREHOSE
from bench.ingester_speed.versions import Version
from bench.processes import redis
from sluice_redis.ingester_settings import BATCH_TIMEOUT_MS


@contextmanager
def paced_ingester(
    version: Version, *, rate: int, batch_milliseconds: int, place: Path
) -> Iterator[tuple[Ingester, "Redis"]]:
    """Run an ingester of `rate` events a second. Gives it, and a client of its Redis."""
    with (
        redis(place / "redis") as server,
        replay("--rate", str(rate)) as source,
        ingester(
            version,
            server=server,
            source=source,
            settings={**FIREHOSE.settings(source.url), BATCH_TIMEOUT_MS.variable: str(batch_milliseconds)},
        ) as process,
        Redis(port=server.port) as client,
    ):
        yield process, client


def read_entries(client: "Redis", last: bytes, *, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Wait for entries after `last`. At most `count` of them."""
    answer: Any = client.xread({FIREHOSE.redis_stream: last}, count=count, block=30_000)
    if not answer:
        raise RuntimeError("no entry came in 30 s")
    entries: list[tuple[bytes, dict[bytes, bytes]]] = answer[0][1]
    return entries
