"""The cursor reset that spec.cursor requests. Each reconcile tries it until it has succeeded.

An Event reports a problem when it appears, and then at intervals.
"""

from typing import Final

from sluice_common.clock import Clock
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccess
from sluice_operator.reconcile.source_memory import ResetProblem
from sluice_operator.redis.cursor_writer import is_reset_due
from sluice_operator.redis.source_redis import SourceRedis
from sluice_operator.status.event_reasons import EventReason
from sluice_operator.status.events import event_of
from sluice_redis.contract import StreamKeys

_REPORT_INTERVAL_SECONDS: Final = 900.0


class CursorResetter:
    """Sets cursors as requested by spec.cursor."""

    def __init__(self, redis: SourceRedis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def reset_if_requested(self, run: Reconciliation, url: bytes, access: RedisAccess, keys: StreamKeys) -> bool:
        """Set the cursor at `keys` if that is requested and not done. Returns whether it was set, now or before."""
        requested = run.source.spec.cursor
        if requested is None or not is_reset_due(requested, run.source.status.cursor_reset):
            return False
        problem = await self._redis.reset_cursor(url, keys, requested, ca_bundle=access.ca_bundle)
        if problem and self._should_report(run.memory.retries.reset_problem, problem):
            message = f"The cursor can't be set as requested by spec.cursor. The operator tries again: {problem}"
            run.events.append(event_of(EventReason.CURSOR_RESET_FAILED, message))
        return not problem

    def _should_report(self, last: ResetProblem, problem: str) -> bool:
        now = self._clock.monotonic()
        if problem == last.message and now < last.report_again_at:
            return False
        last.message, last.report_again_at = problem, now + _REPORT_INTERVAL_SECONDS
        return True
