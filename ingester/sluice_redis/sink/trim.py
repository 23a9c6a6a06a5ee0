"""Retention: removing entries that every consumer group has acknowledged."""

from typing import Final

from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.script import Script

MAX_REMOVED: Final = 10_000
"""The approximate number of entries that one call removes at most: some milliseconds of the server's time."""
MAX_PENDING_SCANNED: Final = 1000
"""The number of pending entries that one call examines: also some milliseconds."""

_SCRIPT: Final = Script.load("trim.lua")


async def trim_consumed(calls: RedisCalls, stream: str) -> int:
    """Remove the oldest entries of `stream` that no group needs any more. Returns their number. Raises SinkError."""
    return int(await calls.run(_SCRIPT, [stream], [MAX_REMOVED, MAX_PENDING_SCANNED]))
