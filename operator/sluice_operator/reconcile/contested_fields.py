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
from sluice_operator.desired.field_paths import FieldPath, is_within, value_at, with_value

MAX_RETURNS: Final = 3
"""A value that has come back so often is left."""
MAX_WRITES: Final = 6
"""So many writes of one field are the end as well, whatever values have come."""
FIRST_PAUSE: Final = 60.0
MAX_PAUSE: Final = 3600.0
_MAX_VALUES: Final = 32
"""How many values of one field are remembered."""


@dataclass(slots=True)
class ContestedField:
    """What is known of one field that was put right at least once."""

    desired: Any = None
    set_by: str = ""
    """Who has set it, as far as known."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often each value was written over."""
    writes: int = 0
    pause: float = 0.0
    """Seconds for which it was left the last time; 0 if it never was."""
    yield_until: float = 0.0
    retry_allowed: bool = False
    """Whether one more write is allowed, since the pause is over."""
    resolved_at: float = 0.0
    """When it is taken to be over, if the value does not come back until then."""


class ContestedFields:
    """The fights about one object."""

    def __init__(self, *, returns: int = 0) -> None:
        """`returns` is how often every value is taken to have come back already."""
        self._returns = returns
        self._fields: dict[FieldPath, ContestedField] = {}

    def allow_retry(self) -> None:
        """Something else is wanted: each field is written once more before it is left again."""
        for fight in self._fields.values():
            if fight.pause:
                fight.yield_until, fight.retry_allowed = 0.0, True

    def yielded(self) -> list[FieldPath]:
        """The fields that are left as they are now."""
        now = time.monotonic()
        return [path for path, fight in self._fields.items() if fight.yield_until > now]

    def yield_to(self, live: Manifest, desired: Manifest) -> Manifest:
        """`wanted` with what stands in `live` where that is left as it is."""
        for path in self.yielded():
            desired = with_value(desired, path, value_at(live, path))
        return desired

    def record_writes(self, differences: Iterable[Difference], *, set_by: dict[FieldPath, str]) -> list[FieldPath]:
        """Note that `found` are about to be put right. Those of them that are to be left instead, from now on."""
        now = time.monotonic()
        return [
            difference.path
            for difference in differences
            if self._yields(difference, set_by.get(difference.path, ""), now)
        ]

    def unresolved(self) -> dict[FieldPath, ContestedField]:
        """The fields that are contested: those that are left, and those that were written again a short time ago."""
        now = time.monotonic()
        return {path: fight for path, fight in self._fields.items() if fight.pause and now < fight.resolved_at}

    def _yields(self, difference: Difference, set_by: str, now: float) -> bool:
        fight = self._fields.setdefault(difference.path, ContestedField())
        fight.desired, fight.set_by = difference.desired, set_by or fight.set_by
        value = json.dumps(difference.live, sort_keys=True, default=str)
        count = fight.counts.get(value, self._returns)
        if (count >= MAX_RETURNS or fight.writes >= MAX_WRITES) and not fight.retry_allowed:
            fight.pause = min(MAX_PAUSE, 2 * fight.pause or FIRST_PAUSE)
            fight.yield_until = now + fight.pause
            fight.resolved_at = fight.yield_until + fight.pause
            fight.retry_allowed = True  # when the pause is over
            return True
        fight.retry_allowed = False
        fight.counts[value] = count + 1
        fight.writes += 1
        while len(fight.counts) > _MAX_VALUES:
            del fight.counts[next(iter(fight.counts))]
        if fight.pause:
            fight.resolved_at = now + fight.pause
        return False


def not_within(differences: Iterable[Difference], paths: Iterable[FieldPath]) -> list[Difference]:
    """Those of `found` that are no part of a field that is left."""
    paths = list(paths)
    return [difference for difference in differences if not any(is_within(difference.path, path) for path in paths)]
