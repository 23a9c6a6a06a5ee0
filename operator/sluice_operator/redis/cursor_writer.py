"""The operator's only writes to Redis: it resets cursors for spec.cursor, and deletes cursors.

A running ingester follows a reset. Its next append, or its next check of the cursor, finds another cursor than the one
that it has written, and it continues from there. The reset is recorded in the health hash in the same atomic step, and
the status reads it from there. So a crash can't lose a reset or repeat it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

from sluice_common.text import sanitize
from sluice_operator.api.cursor import CursorResetStatus, CursorSpec
from sluice_operator.redis.sink_facts import REDIS_ERRORS
from sluice_redis.client import RedisClient
from sluice_redis.contract import CURSOR_LIVE, CURSOR_OLDEST, StreamKeys

_SCRIPT: Final = resources.files(__package__).joinpath("reset.lua").read_text()
_TIMEOUT_SECONDS: Final = 5.0
_POSITIONS: Final = {"oldest": CURSOR_OLDEST, "live": CURSOR_LIVE}


class CursorError(Exception):
    """Redis has not deleted a cursor. The text says why."""


def is_reset_due(requested: CursorSpec | None, done: CursorResetStatus | None) -> bool:
    """Whether `requested` is not done yet, according to the status."""
    return requested is not None and (done is None or done.nonce != requested.nonce)


def cursor_value(requested: CursorSpec) -> str:
    """The value to store in Redis for `requested`."""
    return _POSITIONS.get(requested.position, requested.position)


async def reset_cursor(client: RedisClient, keys: StreamKeys, requested: CursorSpec) -> str:
    """Set the cursor at `keys`, unless that was done for this nonce. Returns what went wrong, or an empty string.

    After a failure, the next reconcile tries again.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    execute: Callable[..., Awaitable[Any]] = client.execute_command
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            names = [name for one in (keys, *keys.former_keys) for name in (one.cursor, one.health)]
            await execute("EVAL", _SCRIPT, len(names), *names, requested.nonce, cursor_value(requested), now)
    except REDIS_ERRORS as error:
        return _error_text(error)
    return ""


async def delete_cursors(client: RedisClient, streams: Iterable[StreamKeys]) -> list[StreamKeys]:
    """Delete the cursors and the health hashes of `streams`, but no event. Returns the streams that had any of them.

    Raises CursorError.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            # One key at a time: in a cluster they may be on several nodes.
            return [keys for keys in streams if sum([await client.delete(name) for name in (keys.cursor, keys.health)])]
    except REDIS_ERRORS as error:
        raise CursorError(f"Redis does not delete it: {_error_text(error)}") from error


def _error_text(error: Exception) -> str:
    return sanitize(str(error), max_length=300) or type(error).__name__
