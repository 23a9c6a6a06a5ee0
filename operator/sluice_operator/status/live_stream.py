"""The status of a stream that follows live events."""

from typing import Final

from sluice_operator.api.conditions import ConditionType
from sluice_operator.api.ingester_status import IngesterStatus, StreamStatus
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.stream_conditions import stream_conditions
from sluice_operator.status.stream_numbers import stream_status
from sluice_operator.status.stream_strategy import StreamStrategy
from sluice_operator.status.verdict import ReadyVerdict, healthy_verdict


def _numbers(assessment: Assessment, previous: IngesterStatus | None) -> IngesterStatus | None:
    return stream_status(assessment, previous if isinstance(previous, StreamStatus) else None)


def _running(host: str) -> ReadyVerdict:
    return healthy_verdict(ConditionReason.STREAMING, f"Streaming from {host}")


LIVE_STREAM: Final = StreamStrategy(
    history_conditions=(ConditionType.CONNECTED, ConditionType.SINK_WRITABLE),
    conditions=stream_conditions,
    numbers=_numbers,
    running=_running,
    idle_seconds=lambda _assessment, _report: None,
)
