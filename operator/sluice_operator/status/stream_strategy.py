"""The interface of the strategies for live streams and for jobs, by which their statuses differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sluice_operator.api.conditions import Condition, ConditionType
from sluice_operator.api.ingester_status import IngesterStatus, RestartsStatus
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_times import ConditionDraft
from sluice_operator.status.verdict import ReadyVerdict


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStrategy:
    """How the status of a stream is computed. Each kind names one strategy for each of its ingesters."""

    history_conditions: tuple[ConditionType, ...]
    """The conditions whose previous reasons are part of the history."""
    conditions: Callable[[Assessment, RestartsStatus, Mapping[str, Condition]], list[ConditionDraft]]
    """The conditions that the stream reports."""
    numbers: Callable[[Assessment, IngesterStatus | None], IngesterStatus | None]
    """Its part of the status, from the previous one."""
    running: Callable[[str], ReadyVerdict]
    """The verdict while the ingester reads from the given host."""
    idle_seconds: Callable[[Assessment, HealthFacts], float | None]
    """How long it has stored nothing. None if its conditions show how long an interruption lasts."""
