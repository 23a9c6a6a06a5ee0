"""The Redis client of an ingester process: one connection pool, without retries."""

from pathlib import Path

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sluice_redis.client import RedisClient, open_client
from sluice_redis.url import RedisUrl


def connect(url: str, *, ca_bundle: Path | None = None) -> RedisClient:
    """A client for `url`. It connects with its first command.

    It retries nothing: an append that is repeated may have been executed already, and backpressure must be visible.
    It has a deadline only for connecting. `sink.call` has one for each call. `ca_bundle` names additional CAs for TLS.
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
