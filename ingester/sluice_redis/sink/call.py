"""One call to Redis with a deadline. Every failure becomes a SinkError."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from redis.exceptions import RedisClusterException, RedisError

from sluice_redis.sink.errors import SinkError, classify_redis_error

CALL_SECONDS: Final = 10.0
"""The deadline of a call. After it, it is unknown whether the call was executed."""

T = TypeVar("T")


async def call(command: Awaitable[T]) -> T:
    """The response to `command`. SinkError, and nothing else, if Redis fails."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await command
    except TimeoutError as error:
        raise SinkError(classify_redis_error(TimeoutError(f"no answer in {CALL_SECONDS:g} s"))) from error
    except (RedisError, RedisClusterException, OSError, UnicodeError) as error:
        raise SinkError(classify_redis_error(error)) from error
