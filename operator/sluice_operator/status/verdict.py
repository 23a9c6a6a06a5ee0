"""The verdict on a source, and the conditions Ready, Reconciling and Stalled that are made from it.

kubectl, Helm, Flux and Argo CD read these. Reconciling and Stalled exist only while they are True, and never both.
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
    """How severe the state of a source is, and why."""

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
    """Whether the source was Ready before, with the same generation of the spec."""
    ready = previous.get(Type.READY)
    return ready is not None and ready.status == ConditionStatus.TRUE and ready.observed_generation == generation


def healthy_verdict(reason: str, message: str) -> ReadyVerdict:
    """The source works, or is stopped as requested."""
    return ReadyVerdict(severity=Severity.HEALTHY, reason=reason, message=message)


def progressing_verdict(reason: str, message: str) -> ReadyVerdict:
    """The operator, Kubernetes or the ingester is at work."""
    return ReadyVerdict(severity=Severity.PROGRESSING, reason=reason, message=message)


def degraded_verdict(reason: str, message: str) -> ReadyVerdict:
    """It has a problem that can end by itself."""
    return ReadyVerdict(severity=Severity.DEGRADED, reason=reason, message=message)


def stalled_verdict(reason: str, message: str) -> ReadyVerdict:
    """A person must act."""
    return ReadyVerdict(severity=Severity.STALLED, reason=reason, message=message)


def stalled_verdict_after(windows: HealthSpec, reason: str, message: str, *, lasted_seconds: float) -> ReadyVerdict:
    """A person must act, if the problem has lasted longer than `stalledAfterSeconds`. Until then somebody may be fixing
    it.
    """
    return (
        stalled_verdict(reason, message)
        if lasted_seconds >= windows.stalled_after_seconds
        else progressing_verdict(reason, message)
    )
