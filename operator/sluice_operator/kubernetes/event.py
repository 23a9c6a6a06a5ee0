"""A Kubernetes Event to be recorded, and what is known of its reason."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What happened to a source."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EventReasons:
    """How reasons of Events relate to each other."""

    routine: Set[str]
    """Reasons that are normal and frequent, such as Connected. All others explain a problem to a person."""
    opposites: Sequence[Set[str]]
    """Groups of reasons of which only the newest is true, such as Connected and Disconnected."""

    def opposites_of(self, reason: str) -> Set[str]:
        """The group that `reason` belongs to, or an empty set."""
        return next((group for group in self.opposites if reason in group), frozenset())
