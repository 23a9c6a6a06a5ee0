"""The client of Redis: one connection pool for everything that an ingester process writes."""

from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


def connect(url: str, *, ca_bundle: Path | None = None) -> Redis:
    """A client for `url` (see sink.url); it connects with its first command.

    It repeats nothing by itself: an append must be repeated with the knowledge that it may have
    been done, and backpressure must be seen. Nor has it deadlines but that for connecting: see
    sink.call. `ca_bundle` names additional CAs for `rediss://`.
    """
    options: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
    if ca_bundle is not None and url.startswith("rediss:"):
        options["ssl_ca_certs"] = str(ca_bundle)
    return Redis.from_url(
        url,
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=5.0,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 0),
        **options,
    )
