"""The reset of a cursor that a source asks for, tried at each look until Redis does it.

What keeps it from being done is told at once and then now and then: an Event at each look would leave no room for
other news of the source.
"""

import time
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.redis.cursor_writer import is_due, reset_cursor
from sluice_operator.status.reasons import Happening
from sluice_operator.status.transitions import Tell
from sluice_redis.client import Client
from sluice_redis.contract import StreamKeys

_TELL_AGAIN_SECONDS: Final = 900.0


class Resets:
    """Carries out what spec.cursor asks for."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, float]] = {}  # by uid, the last problem and when it may be told again

    async def carry_out(self, source: Source, client: Client, keys: StreamKeys, news: list[Tell]) -> bool:
        """Set the cursor if it is asked for. Whether it was set, now or before; what is to be told goes to `news`."""
        wanted = source.spec.cursor
        if wanted is None or not is_due(wanted, source.status.cursor_reset):
            return False
        problem = await reset_cursor(client, keys, wanted)
        if problem and self._is_news(source.metadata.uid, problem):
            message = f"The cursor can't be set as spec.cursor asks, and is tried again: {problem}"
            news.append(Tell(type="Warning", reason=Happening.CURSOR_RESET_FAILED, message=message))
        return not problem

    def forget(self, uid: str) -> None:
        """The source is gone, or what was told is to be told again."""
        self._told.pop(uid, None)

    def _is_news(self, uid: str, problem: str) -> bool:
        now = time.monotonic()
        before, until = self._told.get(uid, ("", 0.0))
        if problem == before and now < until:
            return False
        self._told[uid] = problem, now + _TELL_AGAIN_SECONDS
        return True
