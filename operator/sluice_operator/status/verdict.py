"""A verdict, and the three conditions that tell it: Ready, Reconciling and Stalled.

kubectl, Helm, Flux and Argo CD act upon these. Reconciling and Stalled stand there only while they are True,
and never both: readers take whichever comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sluice_operator.api.conditions import Condition, ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.health import HealthSpec
from sluice_operator.status.condition_times import ConditionDraft, false, true
from sluice_operator.status.severity import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyVerdict:
    """How a source fares as a whole."""

    severity: Severity
    reason: str
    message: str

    def drafts(self) -> list[ConditionDraft]:
        """The conditions of this verdict."""
        if self.severity is Severity.HEALTHY:
            return [true(Type.READY, self.reason, self.message)]
        drafts = [false(Type.READY, self.reason, self.message)]
        if self.severity is Severity.PROGRESSING:
            drafts.append(true(Type.RECONCILING, self.reason, self.message))
        if self.severity is Severity.STALLED:
            drafts.append(true(Type.STALLED, self.reason, self.message))
        return drafts


def was_ready(previous: Mapping[str, Condition], *, generation: int) -> bool:
    """Whether it was Ready before this look, with the same spec."""
    ready = previous.get(Type.READY)
    return ready is not None and ready.status == ConditionStatus.TRUE and ready.observed_generation == generation


def healthy_verdict(reason: str, message: str) -> ReadyVerdict:
    """It is as it should be."""
    return ReadyVerdict(severity=Severity.HEALTHY, reason=reason, message=message)


def progressing_verdict(reason: str, message: str) -> ReadyVerdict:
    """It is being brought about."""
    return ReadyVerdict(severity=Severity.PROGRESSING, reason=reason, message=message)


def degraded_verdict(reason: str, message: str) -> ReadyVerdict:
    """It is broken and may heal by itself."""
    return ReadyVerdict(severity=Severity.DEGRADED, reason=reason, message=message)


def stalled_verdict(reason: str, message: str) -> ReadyVerdict:
    """A person must act."""
    return ReadyVerdict(severity=Severity.STALLED, reason=reason, message=message)


def stalled_verdict_after(windows: HealthSpec, reason: str, message: str, *, lasted_seconds: float) -> ReadyVerdict:
    """A person must act, unless somebody may be about to: it has `lasted` for so many seconds."""
    return (
        stalled_verdict(reason, message)
        if lasted_seconds >= windows.stalled_after_seconds
        else progressing_verdict(reason, message)
    )
