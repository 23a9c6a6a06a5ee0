"""Fields that somebody else wants otherwise: noticed by what comes back, not by how fast.

A field is put right. When the same value has come back for the third time the operator yields: it leaves the field as
it is and tries again after a pause that grows. All else of the object goes on to be kept right.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sluice_operator.desired.child_metadata import Manifest
from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_paths import Path, is_within, value_at, with_value

MOST_RETURNS: Final = 3
"""A value that has come back so often is left."""
MOST_WRITES: Final = 6
"""So many writes of one field are the end as well, whatever values have come."""
FIRST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 3600.0
_MOST_VALUES: Final = 32
"""How many values of one field are remembered."""


@dataclass(slots=True)
class Fight:
    """What is known of one field that was put right at least once."""

    wanted: Any = None
    by: str = ""
    """Who has set it, as far as known."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often each value was written over."""
    writes: int = 0
    pause: float = 0.0
    """Seconds for which it was left the last time; 0 if it never was."""
    until: float = 0.0
    may_try: bool = False
    """Whether one more write is allowed, since the pause is over."""
    settles: float = 0.0
    """When it is taken to be over, if the value does not come back until then."""


class Contests:
    """The fights about one object."""

    def __init__(self, *, returns: int = 0) -> None:
        """`returns` is how often every value is taken to have come back already."""
        self._returns = returns
        self._fights: dict[Path, Fight] = {}

    def give_another_try(self) -> None:
        """Something else is wanted: each field is written once more before it is left again."""
        for fight in self._fights.values():
            if fight.pause:
                fight.until, fight.may_try = 0.0, True

    def left(self) -> list[Path]:
        """The fields that are left as they are now."""
        now = time.monotonic()
        return [path for path, fight in self._fights.items() if fight.until > now]

    def yielding(self, live: Manifest, wanted: Manifest) -> Manifest:
        """`wanted` with what stands in `live` where that is left as it is."""
        for path in self.left():
            wanted = with_value(wanted, path, value_at(live, path))
        return wanted

    def note(self, found: Iterable[Difference], *, who: dict[Path, str]) -> list[Path]:
        """Note that `found` are about to be put right. Those of them that are to be left instead, from now on."""
        now = time.monotonic()
        return [difference.path for difference in found if self._leaves(difference, who.get(difference.path, ""), now)]

    def open(self) -> dict[Path, Fight]:
        """The fields that are contested: those that are left, and those that were written again a short time ago."""
        now = time.monotonic()
        return {path: fight for path, fight in self._fights.items() if fight.pause and now < fight.settles}

    def _leaves(self, difference: Difference, by: str, now: float) -> bool:
        fight = self._fights.setdefault(difference.path, Fight())
        fight.wanted, fight.by = difference.wanted, by or fight.by
        value = json.dumps(difference.found, sort_keys=True, default=str)
        count = fight.counts.get(value, self._returns)
        if (count >= MOST_RETURNS or fight.writes >= MOST_WRITES) and not fight.may_try:
            fight.pause = min(LONGEST_PAUSE, 2 * fight.pause or FIRST_PAUSE)
            fight.until = now + fight.pause
            fight.settles = fight.until + fight.pause
            fight.may_try = True  # when the pause is over
            return True
        fight.may_try = False
        fight.counts[value] = count + 1
        fight.writes += 1
        while len(fight.counts) > _MOST_VALUES:
            del fight.counts[next(iter(fight.counts))]
        if fight.pause:
            fight.settles = now + fight.pause
        return False


def outside(found: Iterable[Difference], left: Iterable[Path]) -> list[Difference]:
    """Those of `found` that are no part of a field that is left."""
    paths = list(left)
    return [difference for difference in found if not any(is_within(difference.path, path) for path in paths)]
