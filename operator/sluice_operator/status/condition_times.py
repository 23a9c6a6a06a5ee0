"""Drafts of conditions, and their `lastTransitionTime`, which changes only when the status of the condition does.

The operator also reads these times, for example how long a source has been disconnected. So a new operator process
continues where the old one stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_common.truncate import one_line, truncate_middle
from sluice_operator.api.conditions import Condition, ConditionStatus, ConditionType

_ORDER: Final = {kind: position for position, kind in enumerate(ConditionType)}
_MAX_MESSAGE_LENGTH: Final = 1024
_MAX_REASON_LENGTH: Final = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionDraft:
    """A condition without its transition time."""

    type: ConditionType
    status: ConditionStatus
    reason: str
    message: str


def true(kind: ConditionType, reason: str, message: str = "") -> ConditionDraft:
    """The condition `kind` with the status True."""
    return ConditionDraft(type=kind, status=ConditionStatus.TRUE, reason=reason, message=message)


def false(kind: ConditionType, reason: str, message: str = "") -> ConditionDraft:
    """The condition `kind` with the status False."""
    return ConditionDraft(type=kind, status=ConditionStatus.FALSE, reason=reason, message=message)


def unknown(kind: ConditionType, reason: str, message: str = "") -> ConditionDraft:
    """The condition `kind` with the status Unknown."""
    return ConditionDraft(type=kind, status=ConditionStatus.UNKNOWN, reason=reason, message=message)


def by_type(conditions: Iterable[Condition] | None) -> dict[str, Condition]:
    """`conditions` by their type."""
    return {condition.type: condition for condition in conditions or ()}


def with_transition_times(
    drafts: Iterable[ConditionDraft], *, previous: Mapping[str, Condition], generation: int, now: datetime
) -> dict[str, Condition]:
    """The conditions of `drafts`, by type. A condition with the same status as in `previous` keeps its time."""
    conditions: dict[str, Condition] = {}
    for draft in drafts:
        before = previous.get(draft.type)
        is_same = before is not None and before.status == draft.status
        conditions[draft.type] = Condition(
            type=draft.type,
            status=draft.status,
            reason=draft.reason[:_MAX_REASON_LENGTH],
            message=_truncated(draft.message),
            last_transition_time=before.last_transition_time if before and is_same else now,
            observed_generation=generation,
        )
    return conditions


def sorted_conditions(conditions: Mapping[str, Condition]) -> tuple[Condition, ...]:
    """`conditions` in the order for readers: Ready, Reconciling and Stalled first."""
    return tuple(sorted(conditions.values(), key=lambda condition: _ORDER[ConditionType(condition.type)]))


def _truncated(message: str) -> str:
    return truncate_middle(one_line(message), max_length=_MAX_MESSAGE_LENGTH)  # kubectl shows only the first line
