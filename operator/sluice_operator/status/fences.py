"""Counting how often another hand has set the cursor, over all restarts.

An ingester counts since its process started, so the status remembers which process that was and how far it had
counted. Only the ingester that is believed counts: the hash may be another's, if two write at the same keys.
"""

from typing import Any

from sluice_operator.api.stream import StreamStatus
from sluice_operator.observed.facts import HealthFacts


def fences(report: HealthFacts | None, previous: StreamStatus | None) -> dict[str, Any]:
    """The fields of a StreamStatus that tell of it, with those of `previous` as the memory."""
    total = previous.fenced if previous else None
    counted = (previous.fenced_since_start if previous else None) or 0
    started = previous.started_at if previous else None
    if report is None or report.fenced is None or report.started is None:
        return {"fenced": total, "fenced_since_start": counted if previous else None, "started_at": started}
    is_the_same = started is not None and started == report.started.replace(microsecond=0)
    added = max(0, report.fenced - counted) if is_the_same else report.fenced
    return {"fenced": (total or 0) + added, "fenced_since_start": report.fenced, "started_at": report.started}
