"""One resource, several streams: what their conditions and verdicts come to together.

The worst one is told, since a reader of `Ready` must never be told that all is well when one of the streams
is not. A stream that nobody wants has no say while another one is wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sluice_operator.api.conditions import ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.desired.naming import Component
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
    """What is told of one stream."""

    component: Component
    wanted: bool
    is_auxiliary: bool = False
    """Whether it is a job beside the stream: its trouble is told in Ready only if a person must act."""
    conditions: Sequence[ConditionDraft]
    verdict: ReadyVerdict


def combined_conditions(verdicts: Sequence[StreamVerdict]) -> list[ConditionDraft]:
    """The drafts of the resource's conditions. The first of `opinions` is the one that matters most."""
    speaking = [opinion for opinion in verdicts if opinion.wanted] or list(verdicts)
    judging = (
        speaking if all(one.is_auxiliary for one in speaking) else [one for one in speaking if _affects_ready(one)]
    )
    worst = max(judging, key=lambda opinion: opinion.verdict.severity)
    verdict = worst.verdict
    if worst is not verdicts[0]:
        verdict = replace(verdict, message=_prefixed(worst, verdict.message))
    return [
        *_worst_conditions(speaking, first=verdicts[0]),
        *_idle_conditions(speaking, first=verdicts[0]),
        *verdict.drafts(),
    ]


def _affects_ready(opinion: StreamVerdict) -> bool:
    return not opinion.is_auxiliary or opinion.verdict.severity is Severity.STALLED


def _idle_conditions(speaking: Sequence[StreamVerdict], *, first: StreamVerdict) -> list[ConditionDraft]:
    """What is told of a stream that rests where only jobs beside it are wanted, which say nothing of it."""
    told = {draft.type for opinion in speaking for draft in opinion.conditions}
    return [draft for draft in first.conditions if draft.type not in told]


def _worst_conditions(speaking: Sequence[StreamVerdict], *, first: StreamVerdict) -> list[ConditionDraft]:
    worst: dict[Type, ConditionDraft] = {}
    for opinion in speaking:
        for draft in opinion.conditions:
            kept = worst.get(draft.type)
            if kept is None or _STATUS_RANK[draft.status] > _STATUS_RANK[kept.status]:
                told = draft if opinion is first else replace(draft, message=_prefixed(opinion, draft.message))
                worst[draft.type] = told
    if not all(any(draft.type is Type.SUSPENDED for draft in opinion.conditions) for opinion in speaking):
        worst.pop(Type.SUSPENDED, None)  # one of them is still about to stop
    return list(worst.values())


def _prefixed(opinion: StreamVerdict, message: str) -> str:
    return f"{opinion.component}: {message}" if message else message
