"""What a situation is: steps, and after each of them the verdict that all readers must come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from e2e.tests.situations.verdicts import Reading, Verdict

if TYPE_CHECKING:
    from e2e.tests.situations.stage import Stage

Act = Callable[["Stage"], object]


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something is done, and in time one verdict holds."""

    what: str
    """In the table."""
    does: Act = lambda _: None
    becomes: Verdict
    because: frozenset[str] = frozenset()
    """The reasons of which one must be given; any will do if none is named."""
    through: frozenset[Verdict] = frozenset()
    """What else any version may say on the way there. What the step before came to may be said until the first
    other verdict."""
    within: float = 180
    """Seconds."""
    stays: float = 0
    """For so many seconds no version may say anything else."""
    then: Act = lambda _: None
    """Looks at what else must hold; raises AssertionError."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One situation, with a resource of its own that bears its name."""

    name: str
    steps: tuple[Step, ...]
    kind: str = "relay"
    seconds: float = 30
    """About how long it takes: the long ones begin first."""
    alone: bool = False
    """Whether it takes the operator away, so that no other may be on stage."""

    @property
    def key(self) -> tuple[str, str]:
        """Of its resource: see recorder.Key."""
        return self.kind, self.name


@dataclass(frozen=True)
class Seen:
    """A step that came to its verdict."""

    step: Step
    number: int
    """Of the recorded version that did."""
    reading: Reading


@dataclass
class Played:
    """What came of a situation."""

    situation: Situation
    seen: list[Seen] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0


def because(*reasons: str) -> frozenset[str]:
    """The reasons of a step."""
    return frozenset(reasons)


def via(*verdicts: Verdict) -> frozenset[Verdict]:
    """What may be said on the way."""
    return frozenset(verdicts)
