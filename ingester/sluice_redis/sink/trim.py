"""Retention: removing entries that every consumer group has acknowledged."""

import hashlib
from importlib import resources
from typing import Any, Final

from redis.exceptions import NoScriptError

from sluice_redis.client import RedisClient
from sluice_redis.sink.call import call

MAX_REMOVED: Final = 10_000
"""The approximate number of entries that one call removes at most: some milliseconds of the server's time."""
MAX_PENDING_SCANNED: Final = 1000
"""The number of pending entries that one call examines: also some milliseconds."""

_SCRIPT: Final = resources.files(__package__).joinpath("trim.lua").read_bytes()
_SHA1: Final = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest()


async def trim_consumed(redis: RedisClient, stream: str) -> int:
    """Remove the oldest entries of `stream` that no group needs any more. Returns their number. Raises SinkError."""
    return int(await call(_run(redis, stream)))


async def _run(redis: RedisClient, stream: str) -> Any:
    execute: Any = redis.execute_command
    try:
        return await execute("EVALSHA", _SHA1, 1, stream, MAX_REMOVED, MAX_PENDING_SCANNED)
    except NoScriptError:
        return await execute("EVAL", _SCRIPT, 1, stream, MAX_REMOVED, MAX_PENDING_SCANNED)
