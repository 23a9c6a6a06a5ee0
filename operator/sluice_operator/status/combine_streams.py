"""Combines the conditions and verdicts of several streams into those of their resource.

The worst one counts: `Ready` is not True while one of the streams has a problem. A stream that should not run counts
only if no stream should run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sluice_operator.api.conditions import ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.desired.component import Component
from sluice_operator.status.condition_times import ConditionDraft
from sluice_operator.status.severity import Severity
from sluice_operator.status.verdict import ReadyVerdict

_STATUS_RANK: Final = {
    ConditionStatus.FALSE: 2,
    ConditionStatus.UNKNOWN: 1,
    ConditionStatus.TRUE: 0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamVerdict:
    """The conditions and the verdict of one stream."""

    component: Component
    is_requested: bool
    """Whether the spec enables the stream."""
    conditions: Sequence[ConditionDraft]
    verdict: ReadyVerdict


def combined_conditions(verdicts: Sequence[StreamVerdict]) -> list[ConditionDraft]:
    """The conditions of the resource. The first of `verdicts` is that of its main stream."""
    streams = [stream for stream in verdicts if stream.is_requested] or list(verdicts)
    ready = (
        streams
        if all(one.component.is_auxiliary for one in streams)
        else [one for one in streams if _affects_ready(one)]
    )
    worst = max(ready, key=lambda stream: stream.verdict.severity)
    verdict = worst.verdict
    if worst is not verdicts[0]:
        verdict = replace(verdict, message=_prefixed(worst, verdict.message))
    return [
        *_worst_conditions(streams, first=verdicts[0]),
        *_idle_conditions(streams, first=verdicts[0]),
        *verdict.drafts(),
    ]


def _affects_ready(stream: StreamVerdict) -> bool:
    return not stream.component.is_auxiliary or stream.verdict.severity is Severity.STALLED


def _idle_conditions(streams: Sequence[StreamVerdict], *, first: StreamVerdict) -> list[ConditionDraft]:
    """The conditions of an idle main stream that the other streams do not have."""
    combined = {draft.type for stream in streams for draft in stream.conditions}
    return [draft for draft in first.conditions if draft.type not in combined]


def _worst_conditions(streams: Sequence[StreamVerdict], *, first: StreamVerdict) -> list[ConditionDraft]:
    worst: dict[Type, ConditionDraft] = {}
    for stream in streams:
        for draft in stream.conditions:
            kept = worst.get(draft.type)
            if kept is None or _STATUS_RANK[draft.status] > _STATUS_RANK[kept.status]:
                combined = draft if stream is first else replace(draft, message=_prefixed(stream, draft.message))
                worst[draft.type] = combined
    if not all(any(draft.type is Type.SUSPENDED for draft in stream.conditions) for stream in streams):
        worst.pop(Type.SUSPENDED, None)  # one of them has not stopped yet
    return list(worst.values())


def _prefixed(stream: StreamVerdict, message: str) -> str:
    return f"{stream.component}: {message}" if message else message
