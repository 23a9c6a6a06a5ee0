"""Fields that the operator and somebody else set in turn. It counts what comes back, not how fast.

1. A field that differs is written.
2. When one value comes back for the third time, the operator yields: it leaves the field as it is.
3. After a pause, it writes the field once more. The pause doubles each time.

All other fields of the object are written as usual.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sluice_common.clock import Clock
from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_paths import FieldPath, is_within, value_at, with_value
from sluice_operator.kubernetes.api_resource import Manifest

MAX_RETURNS: Final = 3
"""How often one value comes back before the operator yields."""
MAX_WRITES: Final = 6
"""How often one field is written before the operator yields, whatever values come back."""
FIRST_PAUSE: Final = 60.0
MAX_PAUSE: Final = 3600.0
_MAX_VALUES: Final = 32
"""How many values of one field are remembered."""


@dataclass(slots=True)
class ContestedField:
    """One field that was written at least once."""

    desired: Any = None
    set_by: str = ""
    """Who has set the other value; empty if unknown."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often each value was overwritten."""
    writes: int = 0
    pause: float = 0.0
    """The length of the last pause in seconds; 0 if the operator has not yielded yet."""
    yield_until: float = 0.0
    retry_allowed: bool = False
    """Whether one more write is allowed, since the pause is over."""
    resolved_at: float = 0.0
    """When the contest counts as over, if the value does not come back until then."""


class ContestedFields:
    """The contested fields of one object."""

    def __init__(self, *, returns: int = 0, clock: Clock) -> None:
        """`returns` is how often each value counts as having come back already."""
        self._returns = returns
        self._clock = clock
        self._fields: dict[FieldPath, ContestedField] = {}

    def allow_retry(self) -> None:
        """Allow one more write of each field: something else is desired."""
        for contested in self._fields.values():
            if contested.pause:
                contested.yield_until, contested.retry_allowed = 0.0, True

    def yielded(self) -> list[FieldPath]:
        """The fields that are left as they are for now."""
        now = self._clock.monotonic()
        return [path for path, contested in self._fields.items() if contested.yield_until > now]

    def yield_to(self, live: Manifest, desired: Manifest) -> Manifest:
        """`desired`, with the values of `live` in the fields that are left as they are."""
        for path in self.yielded():
            desired = with_value(desired, path, value_at(live, path))
        return desired

    def record_writes(self, differences: Iterable[Difference], *, set_by: Mapping[FieldPath, str]) -> list[FieldPath]:
        """Record that `differences` are about to be written. Those that must be left instead from now on.

        `set_by` names who has set the live values, by path.
        """
        now = self._clock.monotonic()
        return [one.path for one in differences if self._yields(one, set_by.get(one.path, ""), now)]

    def unresolved(self) -> dict[FieldPath, ContestedField]:
        """The fields that are left as they are, and those that were written again a short time ago."""
        now = self._clock.monotonic()
        return {path: one for path, one in self._fields.items() if one.pause and now < one.resolved_at}

    def _yields(self, difference: Difference, set_by: str, now: float) -> bool:
        contested = self._fields.setdefault(difference.path, ContestedField())
        contested.desired, contested.set_by = difference.desired, set_by or contested.set_by
        value = json.dumps(difference.live, sort_keys=True, default=str)
        count = contested.counts.get(value, self._returns)
        if (count >= MAX_RETURNS or contested.writes >= MAX_WRITES) and not contested.retry_allowed:
            contested.pause = min(MAX_PAUSE, 2 * contested.pause or FIRST_PAUSE)
            contested.yield_until = now + contested.pause
            contested.resolved_at = contested.yield_until + contested.pause
            contested.retry_allowed = True  # when the pause is over
            return True
        contested.retry_allowed = False
        contested.counts[value] = count + 1
        contested.writes += 1
        while len(contested.counts) > _MAX_VALUES:
            del contested.counts[next(iter(contested.counts))]
        if contested.pause:
            contested.resolved_at = now + contested.pause
        return False


def not_within(differences: Iterable[Difference], paths: Iterable[FieldPath]) -> list[Difference]:
    """The `differences` that lie in none of the fields at `paths`."""
    excluded = list(paths)
    return [difference for difference in differences if not any(is_within(difference.path, path) for path in excluded)]
