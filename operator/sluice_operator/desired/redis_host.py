"""The host of a source as it is written in the names of its Redis keys."""

from collections.abc import Mapping
from typing import Any

from sluice_redis.hosts import normalize_host


def redis_host_of(source: Mapping[str, Any]) -> str:
    """The host in the Redis keys of a source's object. A host that can't be parsed is returned as it is."""
    host = str((source.get("spec") or {}).get("host"))
    try:
        return normalize_host(host)
    except ValueError:
        return host
