"""Writes a source list as the operator does, and starts an ingester that follows it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluice_redis.contract import applied_key
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import until

LIST = "sluice:sources:one"


async def write_list(
    client: Any, version: str, entries: Mapping[str, Mapping[str, Any] | str], *, key: str = LIST
) -> None:
    """Replace the list in one step, also in a cluster. An entry is its variables, or the text of its field."""
    fields = {name: entry if isinstance(entry, str) else json.dumps(entry) for name, entry in entries.items()}
    flat = [part for item in {"version": version, **fields}.items() for part in item]
    await client.eval("redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[1], unpack(ARGV))", 1, key, *flat)


async def until_applied(client: Any, version: str, *, pod: str = "pod-1", key: str = LIST) -> None:
    async def is_applied() -> bool:
        return await client.get(applied_key(key)) == f"{version} {pod}".encode()

    await until(is_applied)


def list_ingester(place: Path, redis_url: str, *, pod: str = "pod-1", **environment: str) -> Ingester:
    """An ingester with that list. It is given no hosts."""
    names = {
        "INGESTER_SOURCE_LIST": LIST,
        "INGESTER_MODE": "all",
        "INGESTER_BATCH_TIMEOUT_MS": "50",
        "INGESTER_HIGH_WATER_MARK": "100000000",
        "POD_NAME": pod,
        **environment,
    }
    return Ingester(place, redis_url, "unused.invalid", **names)
