"""A verdict, and the three conditions that tell it: Ready, Reconciling and Stalled.

kubectl, Helm, Flux and Argo CD act upon these. Reconciling and Stalled stand there only while they are True,
and never both: readers take whichever comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from sluice_operator.api.conditions import Condition, ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.health import HealthWindows
from sluice_operator.status.condition_times import Draft, false, true


class Outlook(Enum):
    """What comes next."""

    GOOD = auto()
    """It is as it should be."""
    COMING = auto()
    """Somebody is at work: the operator, Kubernetes or the ingester."""
    WAITING = auto()
    """It has gone on for too long to be called work, and may yet heal by itself."""
    STUCK = auto()
    """A person must act."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How a source fares as a whole."""

    outlook: Outlook
    reason: str
    message: str

    def drafts(self) -> list[Draft]:
        """The conditions of this verdict."""
        if self.outlook is Outlook.GOOD:
            return [true(Type.READY, self.reason, self.message)]
        drafts = [false(Type.READY, self.reason, self.message)]
        if self.outlook is Outlook.COMING:
            drafts.append(true(Type.RECONCILING, self.reason, self.message))
        if self.outlook is Outlook.STUCK:
            drafts.append(true(Type.STALLED, self.reason, self.message))
        return drafts


def was_ready(previous: Mapping[str, Condition], *, generation: int) -> bool:
    """Whether it was Ready before this look, with the same spec."""
    ready = previous.get(Type.READY)
    return ready is not None and ready.status == ConditionStatus.TRUE and ready.observed_generation == generation


def good(reason: str, message: str) -> Verdict:
    """It is as it should be."""
    return Verdict(outlook=Outlook.GOOD, reason=reason, message=message)


def coming(reason: str, message: str) -> Verdict:
    """It is being brought about."""
    return Verdict(outlook=Outlook.COMING, reason=reason, message=message)


def waiting(reason: str, message: str) -> Verdict:
    """It is broken and may heal by itself."""
    return Verdict(outlook=Outlook.WAITING, reason=reason, message=message)


def stuck(reason: str, message: str) -> Verdict:
    """A person must act."""
    return Verdict(outlook=Outlook.STUCK, reason=reason, message=message)


def stuck_after(windows: HealthWindows, reason: str, message: str, *, lasted: float) -> Verdict:
    """A person must act, unless somebody may be about to: it has `lasted` for so many seconds."""
    return stuck(reason, message) if lasted >= windows.stalled_after_seconds else coming(reason, message)
