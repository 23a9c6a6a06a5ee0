"""The client of Redis: one connection pool for everything that an ingester process writes."""

from pathlib import Path

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sluice_redis.client import RedisClient, open_client
from sluice_redis.url import RedisUrl


def connect(url: str, *, ca_bundle: Path | None = None) -> RedisClient:
    """A client for `url` (see redis_url); it connects with its first command.

    It repeats nothing by itself: an append must be repeated with the knowledge that it may have
    been done, and backpressure must be seen. Nor has it deadlines but that for connecting: see
    sink.call. `ca_bundle` names additional CAs for TLS.
    """
    return open_client(
        RedisUrl.parse(url),
        ca_file=None if ca_bundle is None else str(ca_bundle),
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=5.0,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 0),
    )
