"""The reset of a cursor that spec.cursor asks for, and the deletion that spec.deletionPolicy asks for: the one
place where the operator writes to Redis.

The running ingester follows through the fence: its next append, or its next look at the cursor, finds
another one than it wrote, and goes on from there. The record of the reset stands in the health hash, written
in the same step as the cursor, and from there it comes into the status like all that is observed. So a crash
anywhere can neither lose a reset nor carry it out twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

from redis import exceptions

from sluice_common.text import sanitize
from sluice_operator.api.cursor import CursorResetStatus, CursorSpec
from sluice_redis.client import RedisClient
from sluice_redis.contract import CURSOR_LIVE, CURSOR_OLDEST, StreamKeys

_SCRIPT: Final = resources.files(__package__).joinpath("reset.lua").read_text()
_TIMEOUT_SECONDS: Final = 5.0
_ERRORS: Final = (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError)
_POSITIONS: Final = {"oldest": CURSOR_OLDEST, "live": CURSOR_LIVE}


class CursorError(Exception):
    """Redis did not do what was asked; the text says why."""


def is_reset_due(requested: CursorSpec | None, done: CursorResetStatus | None) -> bool:
    """Whether `wanted` has not been carried out yet, as far as the status tells."""
    return requested is not None and (done is None or done.nonce != requested.nonce)


async def reset_cursor(client: RedisClient, keys: StreamKeys, requested: CursorSpec) -> str:
    """Set the cursor at `keys`, unless that was done for this nonce. What went wrong, or nothing.

    A failure is no more than a reason to try again at the next look.
    """
    value = _POSITIONS.get(requested.position, requested.position)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    execute: Callable[..., Awaitable[Any]] = client.execute_command
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            names = [name for one in (keys, *keys.former_keys) for name in (one.cursor, one.health)]
            await execute("EVAL", _SCRIPT, len(names), *names, requested.nonce, value, now)
    except _ERRORS as error:
        return _error_text(error)
    return ""


async def delete_cursors(client: RedisClient, streams: Iterable[StreamKeys]) -> list[StreamKeys]:
    """Delete the cursors and the health hashes at `doomed`, never a stream. Those of which anything was there.

    Raises CursorError.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            # One by one: those of a cluster may stand on several nodes.
            return [keys for keys in streams if sum([await client.delete(name) for name in (keys.cursor, keys.health)])]
    except _ERRORS as error:
        raise CursorError(f"Redis does not delete it: {_error_text(error)}") from error


def _error_text(error: Exception) -> str:
    return sanitize(str(error), max_length=300) or type(error).__name__
