"""Counts how often somebody else has set the cursor, over all restarts of the ingester.

An ingester counts since its process started. So the status stores the start time of the process and its count. Only the
report of the current pod is used: another ingester may write the same health hash.
"""

from typing import Any

from sluice_operator.api.ingester_status import IngesterStatus
from sluice_operator.status.assessment import Assessment


def fence_fields(assessment: Assessment, previous: IngesterStatus | None) -> dict[str, Any]:
    """The fields `fenced`, `fenced_since_start` and `started_at` of a status, continued from `previous`."""
    report = assessment.current_pod_report
    if report is None or report.fenced is None or report.started is None:
        names = ("fenced", "fenced_since_start", "started_at")
        return {name: getattr(previous, name) for name in names} if previous else {}
    is_the_same = previous is not None and previous.started_at == report.started.replace(microsecond=0)
    counted = (previous.fenced_since_start or 0) if previous and is_the_same else 0
    total = (previous.fenced or 0) if previous else 0
    added = max(0, report.fenced - counted)
    return {"fenced": total + added, "fenced_since_start": report.fenced, "started_at": report.started}
