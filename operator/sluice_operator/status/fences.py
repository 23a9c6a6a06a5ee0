"""Counting how often another hand has set the cursor, over all restarts.

An ingester counts since its process started, so the status remembers which process that was and how far it had
counted. Only the ingester that is believed counts: the hash may be another's, if two write at the same keys.
"""

from typing import Any

from sluice_operator.api.ingester_status import IngesterStatus
from sluice_operator.status.assessment import Assessment


def fence_fields(assessment: Assessment, previous: IngesterStatus | None) -> dict[str, Any]:
    """The fields of a PartStatus that tell of it, with those of `previous` as the memory."""
    report = assessment.current_pod_report
    if report is None or report.fenced is None or report.started is None:
        names = ("fenced", "fenced_since_start", "started_at")
        return {name: getattr(previous, name) for name in names} if previous else {}
    is_the_same = previous is not None and previous.started_at == report.started.replace(microsecond=0)
    counted = (previous.fenced_since_start or 0) if previous and is_the_same else 0
    total = (previous.fenced or 0) if previous else 0
    added = max(0, report.fenced - counted)
    return {"fenced": total + added, "fenced_since_start": report.fenced, "started_at": report.started}
