"""Checking that Redis does not evict keys when its memory is full."""

import asyncio
from typing import Final

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.errors import SinkError, SinkFailure, SinkReason

VALID_SECONDS: Final = 1.0
"""How long an answer is used again. The sources of a process ask at the same time when they start."""

# INFO, because managed services forbid CONFIG GET. In a script, so that a cluster asks the node of the key.
_SCRIPT: Final = "#!lua flags=no-writes,allow-oom\nreturn redis.call('INFO', 'memory')"
_MAY_NOT_ASK: Final = {SinkReason.AUTH, SinkReason.REFUSED}


class EvictionPolicy:
    """The eviction policy of the Redis that has the keys of a process: they have one prefix, so one node has them."""

    def __init__(self, calls: RedisCalls, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._calls = calls
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None
        self._failure: SinkFailure | None = None

    async def check(self, key: str) -> None:
        """SinkError if the server of `key` evicts keys, or does not answer.

        Passes if the user lacks the right to ask.
        """
        async with self._asking:
            if self._asked_at is None or self._clock.monotonic() - self._asked_at >= VALID_SECONDS:
                self._failure = await self._ask(key)
                self._asked_at = self._clock.monotonic()
        if self._failure is not None:
            raise SinkError(self._failure)

    async def _ask(self, key: str) -> SinkFailure | None:
        try:
            answer = await self._calls.execute("EVAL", _SCRIPT, 1, key)
        except SinkError as error:
            return None if error.failure.reason in _MAY_NOT_ASK else error.failure
        text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
        policy = next((line[17:].strip() for line in text.splitlines() if line.startswith("maxmemory_policy:")), "")
        if policy in {"", "noeviction"}:
            return None
        message = (
            f"this Redis has maxmemory-policy {policy}: when its memory is full, it deletes whole streams and "
            "cursors; set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in its configuration)"
        )
        return SinkFailure(reason=SinkReason.EVICTS, message=message, permanent=True)
