"""Whether the Redis that holds a key may throw keys away when its memory is full."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from sluice_redis.sink.call import call
from sluice_redis.sink.errors import SinkError, SinkFailure, SinkReason

# INFO, and not CONFIG GET, which managed services forbid; in a script, so that in a cluster the
# node is asked that holds the key.
_SCRIPT: Final = "#!lua flags=no-writes,allow-oom\nreturn redis.call('INFO', 'memory')"
_MAY_NOT_ASK: Final = {SinkReason.AUTH, SinkReason.REFUSED}


async def check_eviction_policy(execute: Callable[..., Awaitable[Any]], key: str) -> None:
    """SinkError if the server of `key` evicts keys, or does not answer; a user who may not ask passes."""
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
            f"this Redis has maxmemory-policy {policy}: with its memory full it would throw away whole streams and "
            "cursors; set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in its configuration)"
        )
        raise SinkError(SinkFailure(reason=SinkReason.EVICTS, message=message, permanent=True))
