"""Identifies the connection to the source, so that it can be recognised after an interruption of the observation.

An ingester counts its reconnects since its process started. So the start time and this count identify a connection. The
status has both for the last observed connection.
"""

from datetime import datetime
from typing import Any

from sluice_operator.api.ingester_status import StreamStatus
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.status.assessment import Assessment
from sluice_redis.contract import SourceState


def connection_fields(assessment: Assessment, previous: StreamStatus | None) -> dict[str, Any]:
    """The fields `reconnects` and `connected_since` of a StreamStatus, continued from `previous`."""
    report = assessment.current_pod_report
    if report is not None:
        return {"reconnects": report.reconnects, "connected_since": _connected_since(assessment, report, previous)}
    kept = previous if assessment.is_unobservable or assessment.report is not None else None
    return {name: getattr(kept, name, None) for name in ("reconnects", "connected_since")}


def _connected_since(assessment: Assessment, report: HealthFacts, previous: StreamStatus | None) -> datetime | None:
    if report.state not in {SourceState.STREAMING, SourceState.BACKPRESSURE}:
        return None
    if previous is not None and previous.connected_since is not None and _is_same_connection(report, previous):
        return previous.connected_since
    # In backpressure it is unknown whether there is a connection.
    return assessment.facts.now if report.state is SourceState.STREAMING else None


def _is_same_connection(report: HealthFacts, previous: StreamStatus) -> bool:
    started = report.started and report.started.replace(microsecond=0)
    return (started, report.reconnects) == (previous.started_at, previous.reconnects)
