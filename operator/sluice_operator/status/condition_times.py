"""Conditions and their clocks: `lastTransitionTime` moves when a status flips, and at no other time.

Those clocks are the operator's memory as well: since when the source is away or Redis refuses the password is
read from the condition that says so, so that an operator that was restarted counts on where it stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_common.truncate import one_line, truncate_middle
from sluice_operator.api.conditions import Condition, ConditionStatus, ConditionType

_ORDER: Final = {kind: place for place, kind in enumerate(ConditionType)}
_MAX_MESSAGE_LENGTH: Final = 1024
_MAX_REASON_LENGTH: Final = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionDraft:
    """A condition that has not met its past yet."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str


def true(kind: ConditionType, reason: str, message: str = "") -> ConditionDraft:
    """The condition `kind` holds."""
    return ConditionDraft(type=kind, status=ConditionStatus.TRUE, reason=reason, message=message)


def false(kind: ConditionType, reason: str, message: str = "") -> ConditionDraft:
    """The condition `kind` does not hold."""
    return ConditionDraft(type=kind, status=ConditionStatus.FALSE, reason=reason, message=message)


def unknown(kind: ConditionType, reason: str, message: str = "") -> ConditionDraft:
    """Whether the condition `kind` holds can't be told."""
    return ConditionDraft(type=kind, status=ConditionStatus.UNKNOWN, reason=reason, message=message)


def by_type(conditions: Iterable[Condition] | None) -> dict[str, Condition]:
    """`conditions` by their type."""
    return {condition.type: condition for condition in conditions or ()}


def with_transition_times(
    drafts: Iterable[ConditionDraft], *, previous: Mapping[str, Condition], generation: int, now: datetime
) -> dict[str, Condition]:
    """Give `drafts` the time of their last transition, from `previous` where the status is the same."""
    settled: dict[str, Condition] = {}
    for draft in drafts:
        before = previous.get(draft.type)
        kept = before is not None and before.status == draft.status
        settled[draft.type] = Condition(
            type=draft.type,
            status=draft.status,
            reason=draft.reason[:_MAX_REASON_LENGTH],
            message=_truncated(draft.message),
            last_transition_time=before.last_transition_time if before and kept else now,
            observed_generation=generation,
        )
    return settled


def sorted_conditions(conditions: Mapping[str, Condition]) -> tuple[Condition, ...]:
    """`conditions` as they are to be read: the verdict first."""
    return tuple(sorted(conditions.values(), key=lambda condition: _ORDER[ConditionType(condition.type)]))


def _truncated(message: str) -> str:
    return truncate_middle(one_line(message), max_length=_MAX_MESSAGE_LENGTH)  # a table shows the first line alone
