"""The source lists of shared Deployments in Redis: what the operator writes, and what the ingester says of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from sluice_operator.observed.facts.redis import SinkFacts
from sluice_operator.redis.sink_facts import REDIS_ERRORS, failure_facts
from sluice_redis.client import RedisClient
from sluice_redis.contract import SOURCE_LIST_VERSION, applied_key

_WRITE: Final = resources.files(__package__).joinpath("source_list.lua").read_text()
_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceListState:
    """What is in Redis about one source list. With `failure` nothing could be read."""

    failure: SinkFacts | None = None
    version: str = ""
    """Empty if there is no list."""
    applied: str = ""
    """The version that an ingester has applied last. Empty if there is none."""
    applied_by: str = ""
    """The name of its pod."""
    entries: Mapping[str, str] = field(default_factory=dict)


async def read_source_list(client: RedisClient, key: str) -> SourceListState:
    """The source list at `key`. A failure of Redis is returned, not raised."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS), client.pipeline(transaction=False) as pipe:
            pipe.hgetall(key)
            pipe.get(applied_key(key))
            fields, applied = await pipe.execute()
    except REDIS_ERRORS as error:
        return SourceListState(failure=failure_facts(error))
    entries = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    version, _, pod = (applied or b"").decode(errors="replace").rpartition(" ")
    return SourceListState(
        version=entries.pop(SOURCE_LIST_VERSION, ""), applied=version, applied_by=pod, entries=entries
    )


async def write_source_list(
    client: RedisClient, key: str, version: str, entries: Mapping[str, str]
) -> SinkFacts | None:
    """Replace the source list at `key`. Returns what went wrong, if anything."""
    execute: Callable[..., Awaitable[Any]] = client.execute_command
    fields = [part for item in {SOURCE_LIST_VERSION: version, **entries}.items() for part in item]
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await execute("EVAL", _WRITE, 1, key, *fields)
    except REDIS_ERRORS as error:
        return failure_facts(error)
    return None


async def delete_source_list(client: RedisClient, key: str) -> SinkFacts | None:
    """Delete the source list at `key`. Returns what went wrong, if anything."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            for name in (key, applied_key(key)):
                await client.delete(name)
    except REDIS_ERRORS as error:
        return failure_facts(error)
    return None
