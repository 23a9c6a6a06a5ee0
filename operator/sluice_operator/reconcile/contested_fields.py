"""Fields that the operator and another writer set in turn. Returning values are counted, however slowly they return.

1. A field that differs is written.
2. If one value returns for the third time, the operator leaves the field alone.
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
"""How often one value returns before the operator leaves the field alone."""
MAX_WRITES: Final = 6
"""How often one field is written before the operator leaves it alone, if the returning values differ."""
FIRST_PAUSE: Final = 60.0
MAX_PAUSE: Final = 3600.0
_MAX_VALUES: Final = 32
"""How many values of one field are counted."""


@dataclass(slots=True)
class ContestedField:
    """One field that was written at least once."""

    desired: Any = None
    set_by: str = ""
    """The manager that has set the other value. Empty if unknown."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often each value was overwritten."""
    writes: int = 0
    pause: float = 0.0
    """The length of the last pause in seconds. 0 if there was none yet."""
    left_alone_until: float = 0.0
    retry_allowed: bool = False
    """Whether one more write is allowed, since the pause is over."""
    resolved_at: float = 0.0
    """When the contest is over, if the value has not returned by then."""


class ContestedFields:
    """The contested fields of one object."""

    def __init__(self, *, returns: int = 0, clock: Clock) -> None:
        """`returns` is how often each value has returned already."""
        self._returns = returns
        self._clock = clock
        self._fields: dict[FieldPath, ContestedField] = {}

    def allow_retry(self) -> None:
        """Allow one more write of each field: something else is desired."""
        for contested in self._fields.values():
            if contested.pause:
                contested.left_alone_until, contested.retry_allowed = 0.0, True

    def fields_left_alone(self) -> list[FieldPath]:
        """The fields that are left as they are for now."""
        now = self._clock.monotonic()
        return [path for path, contested in self._fields.items() if contested.left_alone_until > now]

    def keep_live_values(self, live: Manifest, desired: Manifest) -> Manifest:
        """`desired`, with the values of `live` in the fields that are left as they are."""
        for path in self.fields_left_alone():
            desired = with_value(desired, path, value_at(live, path))
        return desired

    def record_writes(self, differences: Iterable[Difference], *, set_by: Mapping[FieldPath, str]) -> list[FieldPath]:
        """Record that `differences` are about to be written. Returns the paths of those that must be left alone
        instead.

        `set_by` names the manager of each live value, by path.
        """
        now = self._clock.monotonic()
        return [one.path for one in differences if self._must_leave(one, set_by.get(one.path, ""), now)]

    def unresolved(self) -> dict[FieldPath, ContestedField]:
        """The fields that are left as they are, and those that were written again a short time ago."""
        now = self._clock.monotonic()
        return {path: one for path, one in self._fields.items() if one.pause and now < one.resolved_at}

    def _must_leave(self, difference: Difference, set_by: str, now: float) -> bool:
        contested = self._fields.setdefault(difference.path, ContestedField())
        contested.desired, contested.set_by = difference.desired, set_by or contested.set_by
        value = json.dumps(difference.live, sort_keys=True, default=str)
        count = contested.counts.get(value, self._returns)
        if (count >= MAX_RETURNS or contested.writes >= MAX_WRITES) and not contested.retry_allowed:
            contested.pause = min(MAX_PAUSE, 2 * contested.pause or FIRST_PAUSE)
            contested.left_alone_until = now + contested.pause
            contested.resolved_at = contested.left_alone_until + contested.pause
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
    """The `differences` that are in none of the fields at `paths`."""
    excluded = list(paths)
    return [difference for difference in differences if not any(is_within(difference.path, path) for path in excluded)]
