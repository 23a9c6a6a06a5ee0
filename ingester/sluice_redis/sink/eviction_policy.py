"""Checking that Redis does not evict keys when its memory is full."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from sluice_redis.sink.call import call
from sluice_redis.sink.errors import SinkError, SinkFailure, SinkReason

# INFO, because managed services forbid CONFIG GET. In a script, so that a cluster asks the node of the key.
_SCRIPT: Final = "#!lua flags=no-writes,allow-oom\nreturn redis.call('INFO', 'memory')"
_MAY_NOT_ASK: Final = {SinkReason.AUTH, SinkReason.REFUSED}


async def check_eviction_policy(execute: Callable[..., Awaitable[Any]], key: str) -> None:
    """SinkError if the server of `key` evicts keys, or does not answer. Passes if the user lacks the right to ask."""
    try:
        answer = await call(execute("EVAL", _SCRIPT, 1, key))
    except SinkError as error:
        if error.failure.reason in _MAY_NOT_ASK:
            return
        raise
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    policy = next((line[17:].strip() for line in text.splitlines() if line.startswith("maxmemory_policy:")), "")
    if policy not in {"", "noeviction"}:
        message = (
            f"this Redis has maxmemory-policy {policy}: when its memory is full, it deletes whole streams and "
            "cursors; set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in its configuration)"
        )
        raise SinkError(SinkFailure(reason=SinkReason.EVICTS, message=message, permanent=True))
