"""Which Events about one object are still to be written, and how many may be written now. Pure.

Budgets keep one object from flooding the API server:

- Routine Events, such as Connected, share one budget per object.
- Every other reason has its own budget, so repeats of one reason can't use up the budget of another.
- A repeat only increases the count of an Event, and costs a fraction.

An Event that exceeds its budget stays pending. It is written later, if it is still true. Of opposite reasons, such as
Connected and Disconnected, only the newest stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_operator.kubernetes.event import Event, EventReasons

ROUTINE_BURST: Final = 25
ROUTINE_REFILL_SECONDS: Final = 30.0
EXPLAINING_BURST: Final = 10
EXPLAINING_REFILL_SECONDS: Final = 60.0
REPEAT_COST: Final = 0.2
MAX_PENDING_PER_REASON: Final = 5
"""The maximum number of pending Events with one reason and different messages. A newer one replaces the oldest."""


@dataclass(slots=True)
class PendingEvent:
    """An Event to be written."""

    event: Event
    last: datetime
    """When it happened for the last time."""
    first: datetime
    count: int = 1
    name: str = ""
    """The name that an earlier attempt has used. If only the response was lost, the object exists."""


@dataclass(slots=True)
class TokenBucket:
    """A budget: a burst of tokens, then one more each `refill_seconds`."""

    burst: float
    refill_seconds: float
    tokens: float
    updated_at: float

    def take(self, cost: float, now: float) -> bool:
        """Take `cost` tokens at the time `now`, in monotonic seconds. Returns whether there were enough."""
        self.tokens = min(self.burst, self.tokens + (now - self.updated_at) / self.refill_seconds)
        self.updated_at = now
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True


class PendingEvents:
    """The Events about one object that are to be written."""

    def __init__(self, reasons: EventReasons) -> None:
        self._reasons = reasons
        self._pending: dict[str, list[PendingEvent]] = {}  # by reason
        self._buckets: dict[str, TokenBucket] = {}

    def __bool__(self) -> bool:
        return any(self._pending.values())

    def add(self, event: Event, at: datetime) -> None:
        """Add `event`, which happened at the time `at`."""
        opposites = self._reasons.opposites_of(event.reason)
        for reason in opposites:
            if reason != event.reason:
                self._pending.pop(reason, None)
        same_reason = self._pending.setdefault(event.reason, [])
        for pending in same_reason:
            if pending.event == event:
                pending.count, pending.last = pending.count + 1, at
                return
        if opposites:
            same_reason.clear()
        del same_reason[: max(0, len(same_reason) - MAX_PENDING_PER_REASON + 1)]
        same_reason.append(PendingEvent(event=event, last=at, first=at))

    def in_order(self) -> Iterator[PendingEvent]:
        """The pending Events. Routine ones come last, the oldest first otherwise."""
        pending = [one for same_reason in self._pending.values() for one in same_reason]
        yield from sorted(pending, key=lambda one: (self._is_routine(one.event.reason), one.first))

    def try_take(self, reason: str, now: float, *, is_repeat: bool) -> bool:
        """Use the budget for one Event of that reason. Returns whether there was enough."""
        return self._bucket(reason, now).take(REPEAT_COST if is_repeat else 1.0, now)

    def remove(self, pending: PendingEvent) -> None:
        """Remove an Event that was written."""
        same_reason = self._pending.get(pending.event.reason, [])
        if pending in same_reason:
            same_reason.remove(pending)

    def _is_routine(self, reason: str) -> bool:
        return reason in self._reasons.routine

    def _bucket(self, reason: str, now: float) -> TokenBucket:
        is_routine = self._is_routine(reason)
        burst = float(ROUTINE_BURST if is_routine else EXPLAINING_BURST)
        refill = ROUTINE_REFILL_SECONDS if is_routine else EXPLAINING_REFILL_SECONDS
        full = TokenBucket(burst=burst, refill_seconds=refill, tokens=burst, updated_at=now)
        return self._buckets.setdefault("" if is_routine else reason, full)
