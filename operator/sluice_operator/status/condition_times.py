"""Conditions and their clocks: `lastTransitionTime` moves when a status flips, and at no other time.

Those clocks are the operator's memory as well: since when the source is away or Redis refuses the password is
read from the condition that says so, so that an operator that was restarted counts on where it stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_common.truncate import one_line, shortened
from sluice_operator.api.conditions import Condition, ConditionStatus, ConditionType

_ORDER: Final = {kind: place for place, kind in enumerate(ConditionType)}
_LONGEST_MESSAGE: Final = 1024
_LONGEST_REASON: Final = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A condition that has not met its past yet."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str


def true(kind: ConditionType, reason: str, message: str = "") -> Draft:
    """The condition `kind` holds."""
    return Draft(type=kind, status=ConditionStatus.TRUE, reason=reason, message=message)


def false(kind: ConditionType, reason: str, message: str = "") -> Draft:
    """The condition `kind` does not hold."""
    return Draft(type=kind, status=ConditionStatus.FALSE, reason=reason, message=message)


def unknown(kind: ConditionType, reason: str, message: str = "") -> Draft:
    """Whether the condition `kind` holds can't be told."""
    return Draft(type=kind, status=ConditionStatus.UNKNOWN, reason=reason, message=message)


def by_type(conditions: Iterable[Condition] | None) -> dict[str, Condition]:
    """`conditions` by their type."""
    return {condition.type: condition for condition in conditions or ()}


def settle(
    drafts: Iterable[Draft], *, previous: Mapping[str, Condition], generation: int, now: datetime
) -> dict[str, Condition]:
    """Give `drafts` the time of their last transition, from `previous` where the status is the same."""
    settled: dict[str, Condition] = {}
    for draft in drafts:
        before = previous.get(draft.type)
        kept = before is not None and before.status == draft.status
        settled[draft.type] = Condition(
            type=draft.type,
            status=draft.status,
            reason=draft.reason[:_LONGEST_REASON],
            message=_cut(draft.message),
            last_transition_time=before.last_transition_time if before and kept else now,
            observed_generation=generation,
        )
    return settled


def in_order(conditions: Mapping[str, Condition]) -> tuple[Condition, ...]:
    """`conditions` as they are to be read: the verdict first."""
    return tuple(sorted(conditions.values(), key=lambda condition: _ORDER[ConditionType(condition.type)]))


def _cut(message: str) -> str:
    return shortened(one_line(message), most=_LONGEST_MESSAGE)  # a table shows the first line alone
