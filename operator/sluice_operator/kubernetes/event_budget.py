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

from sluice_operator.status.reasons import Happening
from sluice_operator.status.transitions import Tell

ROUTINE: Final = frozenset(
    {
        Happening.CONNECTED,
        Happening.DISCONNECTED,
        Happening.READY,
        Happening.RECOVERED,
        Happening.SUSPENDED,
        Happening.RESUMED,
        Happening.BACKPRESSURE_ON,
        Happening.BACKPRESSURE_OFF,
        Happening.CREATED,
        Happening.UPDATED,
        Happening.DELETED,
        Happening.CHILD_RESTORED,
    }
)
"""All other reasons explain something that a person needs to know."""
ROUTINE_BURST: Final = 25
ROUTINE_REFILL_SECONDS: Final = 30.0
EXPLAINING_BURST: Final = 10
EXPLAINING_REFILL_SECONDS: Final = 60.0
REPEAT_COST: Final = 0.2
MOST_WAITING: Final = 5
"""So many Events of one reason wait in different words; the oldest goes for the newest."""

_OPPOSITES: Final = (
    {Happening.CONNECTED, Happening.DISCONNECTED},
    {Happening.READY, Happening.NOT_READY},
    {Happening.STALLED, Happening.RECOVERED},
    {Happening.SUSPENDED, Happening.RESUMED},
    {Happening.BACKPRESSURE_ON, Happening.BACKPRESSURE_OFF},
)


@dataclass(slots=True)
class Waiting:
    """An Event to be written."""

    tell: Tell
    at: datetime
    """When it happened, or when it did for the last time."""
    first: datetime
    count: int = 1
    name: str = ""
    """Under which it was tried: only the answer may have been lost."""


@dataclass(slots=True)
class Bucket:
    """A budget: a burst, then one at each refill."""

    burst: float
    refill_seconds: float
    left: float
    at: float

    def take(self, cost: float, now: float) -> bool:
        """Take `cost` from what is left at the time `now`, in monotonic seconds. Whether there was enough."""
        self.left = min(self.burst, self.left + (now - self.at) / self.refill_seconds)
        self.at = now
        if self.left < cost:
            return False
        self.left -= cost
        return True


class Untold:
    """What is to be told of one object."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiting]] = {}  # by reason
        self._buckets: dict[str, Bucket] = {}

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    def add(self, tell: Tell, at: datetime) -> None:
        """`tell` happened `at` that time."""
        opposites = next((group for group in _OPPOSITES if tell.reason in group), ())
        for reason in opposites:
            if reason != tell.reason:
                self._waiting.pop(reason, None)
        same = self._waiting.setdefault(tell.reason, [])
        for one in same:
            if one.tell == tell:
                one.count, one.at = one.count + 1, at
                return
        if opposites:
            same.clear()
        del same[: max(0, len(same) - MOST_WAITING + 1)]
        same.append(Waiting(tell=tell, at=at, first=at))

    def due(self) -> Iterator[Waiting]:
        """What waits, that which explains first."""
        waiting = [one for same in self._waiting.values() for one in same]
        yield from sorted(waiting, key=lambda one: (one.tell.reason in ROUTINE, one.first))

    def take_room(self, reason: str, now: float, *, is_repeat: bool) -> bool:
        """Take the room of one Event of that reason. Whether there is any."""
        bucket = self._bucket(reason, now)
        return bucket.take(REPEAT_COST if is_repeat else 1.0, now)

    def told(self, one: Waiting) -> None:
        """It was written."""
        same = self._waiting.get(one.tell.reason, [])
        if one in same:
            same.remove(one)

    def _bucket(self, reason: str, now: float) -> Bucket:
        is_routine = reason in ROUTINE
        burst = float(ROUTINE_BURST if is_routine else EXPLAINING_BURST)
        refill = ROUTINE_REFILL_SECONDS if is_routine else EXPLAINING_REFILL_SECONDS
        fresh = Bucket(burst=burst, refill_seconds=refill, left=burst, at=now)
        return self._buckets.setdefault("" if is_routine else reason, fresh)
