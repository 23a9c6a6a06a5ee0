"""What is to be told of one object, and the room that it has: budgets, and what waits for room.

Pure, with the clock as an argument. Two classes of Events have budgets of their own. Routine, such as Connected and
Ready, shares one budget an object. What explains, such as Stalled, NotReady or EventsLost, has one for each reason, so
that no repeats of anything else can take its room. A repeat that only counts an Event up costs a fraction.

What has no room waits. It is told when there is room again, if it still holds: of what contradicts each other only the
newest waits, as Connected and Disconnected do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_operator.status.reasons import EventReason
from sluice_operator.status.transitions import Event

ROUTINE_REASONS: Final = frozenset(
    {
        EventReason.CONNECTED,
        EventReason.DISCONNECTED,
        EventReason.READY,
        EventReason.RECOVERED,
        EventReason.SUSPENDED,
        EventReason.RESUMED,
        EventReason.BACKPRESSURE_ON,
        EventReason.BACKPRESSURE_OFF,
        EventReason.CREATED,
        EventReason.UPDATED,
        EventReason.DELETED,
        EventReason.CHILD_RESTORED,
    }
)
"""All other reasons explain something that a person needs to know."""
ROUTINE_BURST: Final = 25
ROUTINE_REFILL_SECONDS: Final = 30.0
EXPLAINING_BURST: Final = 10
EXPLAINING_REFILL_SECONDS: Final = 60.0
REPEAT_COST: Final = 0.2
MAX_PENDING_PER_REASON: Final = 5
"""So many Events of one reason wait in different words; the oldest goes for the newest."""

_OPPOSITES: Final = (
    {EventReason.CONNECTED, EventReason.DISCONNECTED},
    {EventReason.READY, EventReason.NOT_READY},
    {EventReason.STALLED, EventReason.RECOVERED},
    {EventReason.SUSPENDED, EventReason.RESUMED},
    {EventReason.BACKPRESSURE_ON, EventReason.BACKPRESSURE_OFF},
)


@dataclass(slots=True)
class PendingEvent:
    """An Event to be written."""

    event: Event
    last: datetime
    """When it happened, or when it did for the last time."""
    first: datetime
    count: int = 1
    name: str = ""
    """Under which it was tried: only the answer may have been lost."""


@dataclass(slots=True)
class TokenBucket:
    """A budget: a burst, then one at each refill."""

    burst: float
    refill_seconds: float
    tokens: float
    updated_at: float

    def take(self, cost: float, now: float) -> bool:
        """Take `cost` from what is left at the time `now`, in monotonic seconds. Whether there was enough."""
        self.tokens = min(self.burst, self.tokens + (now - self.updated_at) / self.refill_seconds)
        self.updated_at = now
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True


class PendingEvents:
    """What is to be told of one object."""

    def __init__(self) -> None:
        self._pending: dict[str, list[PendingEvent]] = {}  # by reason
        self._buckets: dict[str, TokenBucket] = {}

    def __bool__(self) -> bool:
        return any(self._pending.values())

    def add(self, event: Event, at: datetime) -> None:
        """`tell` happened `at` that time."""
        opposites = next((group for group in _OPPOSITES if event.reason in group), ())
        for reason in opposites:
            if reason != event.reason:
                self._pending.pop(reason, None)
        same = self._pending.setdefault(event.reason, [])
        for one in same:
            if one.event == event:
                one.count, one.last = one.count + 1, at
                return
        if opposites:
            same.clear()
        del same[: max(0, len(same) - MAX_PENDING_PER_REASON + 1)]
        same.append(PendingEvent(event=event, last=at, first=at))

    def in_order(self) -> Iterator[PendingEvent]:
        """What waits, that which explains first."""
        waiting = [one for same in self._pending.values() for one in same]
        yield from sorted(waiting, key=lambda one: (one.event.reason in ROUTINE_REASONS, one.first))

    def try_take(self, reason: str, now: float, *, is_repeat: bool) -> bool:
        """Take the room of one Event of that reason. Whether there is any."""
        bucket = self._bucket(reason, now)
        return bucket.take(REPEAT_COST if is_repeat else 1.0, now)

    def remove(self, pending: PendingEvent) -> None:
        """It was written."""
        same = self._pending.get(pending.event.reason, [])
        if pending in same:
            same.remove(pending)

    def _bucket(self, reason: str, now: float) -> TokenBucket:
        is_routine = reason in ROUTINE_REASONS
        burst = float(ROUTINE_BURST if is_routine else EXPLAINING_BURST)
        refill = ROUTINE_REFILL_SECONDS if is_routine else EXPLAINING_REFILL_SECONDS
        fresh = TokenBucket(burst=burst, refill_seconds=refill, tokens=burst, updated_at=now)
        return self._buckets.setdefault("" if is_routine else reason, fresh)
