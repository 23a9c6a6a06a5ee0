"""The status of a backfill: a job with an end, which lists all repositories of a source."""

from typing import Final

from sluice_operator.api.backfill import BackfillStatus
from sluice_operator.api.conditions import ConditionType
from sluice_operator.api.ingester_status import IngesterStatus
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.backfill_progress import backfill_conditions, backfill_status
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.stream_strategy import StreamStrategy
from sluice_operator.status.verdict import ReadyVerdict, healthy_verdict


def _numbers(assessment: Assessment, previous: IngesterStatus | None) -> IngesterStatus | None:
    return backfill_status(assessment, previous if isinstance(previous, BackfillStatus) else None)


def _running(host: str) -> ReadyVerdict:
    return healthy_verdict(ConditionReason.LISTING, f"Listing the repos of {host}")


def _idle_seconds(assessment: Assessment, report: HealthFacts) -> float | None:
    return None if report.stored is None else assessment.age(report.stored)


BACKFILL_LISTING: Final = StreamStrategy(
    history_conditions=(ConditionType.BACKFILL_COMPLETE,),
    conditions=lambda assessment, restarts, _previous: backfill_conditions(assessment, restarts),
    numbers=_numbers,
    running=_running,
    idle_seconds=_idle_seconds,
)
