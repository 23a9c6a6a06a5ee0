"""The reset of a cursor that a source asks for, tried at each look until Redis does it.

What keeps it from being done is told at once and then now and then: an Event at each look would leave no room for
other news of the source.
"""

import time
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.redis.cursor_writer import is_reset_due, reset_cursor
from sluice_operator.status.reasons import EventReason
from sluice_operator.status.transitions import Event
from sluice_redis.client import RedisClient
from sluice_redis.contract import StreamKeys

_REPORT_INTERVAL_SECONDS: Final = 900.0


class CursorResetter:
    """Carries out what spec.cursor asks for."""

    def __init__(self) -> None:
        self._reported: dict[str, tuple[str, float]] = {}  # by uid, the last problem and when it may be told again

    async def reset_if_requested(
        self, source: Source, client: RedisClient, keys: StreamKeys, events: list[Event]
    ) -> bool:
        """Set the cursor if it is asked for. Whether it was set, now or before; what is to be told goes to `news`."""
        wanted = source.spec.cursor
        if wanted is None or not is_reset_due(wanted, source.status.cursor_reset):
            return False
        problem = await reset_cursor(client, keys, wanted)
        if problem and self._should_report(source.metadata.uid, problem):
            message = f"The cursor can't be set as spec.cursor asks, and is tried again: {problem}"
            events.append(Event(type="Warning", reason=EventReason.CURSOR_RESET_FAILED, message=message))
        return not problem

    def drop_source(self, uid: str) -> None:
        """The source is gone, or what was told is to be told again."""
        self._reported.pop(uid, None)

    def _should_report(self, uid: str, problem: str) -> bool:
        now = time.monotonic()
        before, until = self._reported.get(uid, ("", 0.0))
        if problem == before and now < until:
            return False
        self._reported[uid] = problem, now + _REPORT_INTERVAL_SECONDS
        return True
