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
from sluice_operator.status.condition_times import Draft
from sluice_operator.status.verdict import Outlook, Verdict

_BADNESS: Final = {
    ConditionStatus.FALSE: 2,
    ConditionStatus.UNKNOWN: 1,
    ConditionStatus.TRUE: 0,
}
_GRAVITY: Final = {Outlook.GOOD: 0, Outlook.COMING: 1, Outlook.WAITING: 2, Outlook.STUCK: 3}


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What is told of one stream."""

    component: Component
    wanted: bool
    beside: bool = False
    """Whether it is a job beside the stream: its trouble is told in Ready only if a person must act."""
    aspects: Sequence[Draft]
    verdict: Verdict


def together(opinions: Sequence[Opinion]) -> list[Draft]:
    """The drafts of the resource's conditions. The first of `opinions` is the one that matters most."""
    speaking = [opinion for opinion in opinions if opinion.wanted] or list(opinions)
    judging = speaking if all(one.beside for one in speaking) else [one for one in speaking if _has_a_say(one)]
    worst = max(judging, key=lambda opinion: _GRAVITY[opinion.verdict.outlook])
    verdict = worst.verdict
    if worst is not opinions[0]:
        verdict = replace(verdict, message=_of(worst, verdict.message))
    return [*_aspects(speaking, first=opinions[0]), *_rest(speaking, first=opinions[0]), *verdict.drafts()]


def _has_a_say(opinion: Opinion) -> bool:
    return not opinion.beside or opinion.verdict.outlook is Outlook.STUCK


def _rest(speaking: Sequence[Opinion], *, first: Opinion) -> list[Draft]:
    """What is told of a stream that rests where only jobs beside it are wanted, which say nothing of it."""
    told = {draft.type for opinion in speaking for draft in opinion.aspects}
    return [draft for draft in first.aspects if draft.type not in told]


def _aspects(speaking: Sequence[Opinion], *, first: Opinion) -> list[Draft]:
    worst: dict[Type, Draft] = {}
    for opinion in speaking:
        for draft in opinion.aspects:
            kept = worst.get(draft.type)
            if kept is None or _BADNESS[draft.status] > _BADNESS[kept.status]:
                told = draft if opinion is first else replace(draft, message=_of(opinion, draft.message))
                worst[draft.type] = told
    if not all(any(draft.type is Type.SUSPENDED for draft in opinion.aspects) for opinion in speaking):
        worst.pop(Type.SUSPENDED, None)  # one of them is still about to stop
    return list(worst.values())


def _of(opinion: Opinion, message: str) -> str:
    return f"{opinion.component}: {message}" if message else message
