"""Whether the connection that stands is the one that stood before, though nobody could see it in between.

An ingester counts its reconnects since its process started, so the process and that count name a connection. The
status remembers the one that was seen last: one that Redis could not be asked about for a moment is not made anew.
"""

from datetime import datetime
from typing import Any

from sluice_operator.api.stream import StreamStatus
from sluice_operator.observed.facts import HealthFacts
from sluice_operator.status.current_pod import Reading
from sluice_redis.contract import State


def connection(reading: Reading, previous: StreamStatus | None) -> dict[str, Any]:
    """The fields of a StreamStatus that tell of it, with those of `previous` as the memory."""
    report = reading.steady_report
    if report is not None:
        return {"reconnects": report.reconnects, "connected_since": _since(reading, report, previous)}
    kept = previous if reading.unseen or reading.report is not None else None
    return {name: getattr(kept, name, None) for name in ("reconnects", "connected_since")}


def _since(reading: Reading, report: HealthFacts, previous: StreamStatus | None) -> datetime | None:
    if report.state not in {State.STREAMING, State.BACKPRESSURE}:
        return None
    if previous is not None and previous.connected_since is not None and _is_the_same(report, previous):
        return previous.connected_since
    # What is told in backpressure is not whether there is a connection.
    return reading.facts.now if report.state is State.STREAMING else None


def _is_the_same(report: HealthFacts, previous: StreamStatus) -> bool:
    started = report.started and report.started.replace(microsecond=0)
    return (started, report.reconnects) == (previous.started_at, previous.reconnects)
