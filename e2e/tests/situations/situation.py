"""A situation: steps, and for each of them the verdict that all readers must come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from e2e.tests.situations.verdicts import Reading, Verdict
from e2e.tests.wait import PATIENCE_SECONDS

if TYPE_CHECKING:
    from e2e.tests.situations.subject import Subject

Act = Callable[["Subject"], object]
MOMENTARY = frozenset({"Reconnecting", "RedisTimeout"})
"""Reasons that a healthy stream may have for a moment: another writer took the cursor, or the machine is busy."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something is done, and then one verdict must come."""

    what: str
    """Its name in the table."""
    does: Act = lambda _: None
    becomes: Verdict
    because: frozenset[str] = frozenset()
    """The condition must have one of these reasons; any reason if empty."""
    through: frozenset[Verdict] = frozenset()
    """The verdicts that versions may have on the way. The verdict of the step before may stay until the first other
    one."""
    within: float = PATIENCE_SECONDS
    stays: float = 0
    """For so many seconds no version may have another verdict. A reason of MOMENTARY may come in between and must go
    again."""
    then: Act = lambda _: None
    """Checks what else must hold; raises AssertionError."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One situation. Its resource has its name."""

    name: str
    steps: tuple[Step, ...]
    kind: str = "relay"
    seconds: float = 30
    """About how long it takes: the long ones are started first."""

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name of its resource, see recorder.Key."""
        return self.kind, self.name


@dataclass(frozen=True)
class Reached:
    """A step that came to its verdict."""

    step: Step
    number: int
    """The number of the recorded version with that verdict."""
    reading: Reading


@dataclass
class Result:
    """The result of a situation; `wrong` says which steps failed."""

    situation: Situation
    seen: list[Reached] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0


def because(*reasons: str) -> frozenset[str]:
    """The reasons of a step, see `Step.because`."""
    return frozenset(reasons)


def via(*verdicts: Verdict) -> frozenset[Verdict]:
    """The verdicts on the way, see `Step.through`."""
    return frozenset(verdicts)
