"""For how long an ingester has been silent, whatever its clock says. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class _HeartbeatAge:
    heartbeat: datetime
    first_seen: float
    """When this beat was first seen, on the monotonic clock."""
    has_advanced: bool
    """Whether another beat was seen before, so that `at` is about when it was written."""
    last_queried: float
    """When somebody last asked, on the same clock."""


class ReportAges:
    """Remembers when each ingester's beat last moved.

    A beat is a time of the ingester's clock. Whether it moves can be seen without trusting that clock; the
    clock is asked only about a beat that has not moved before our eyes yet, and what it says may be wrong.

    Several ingesters may write at one key in turn: each has a beat of its own.
    """

    def __init__(self) -> None:
        self._ages: dict[str, dict[str, _HeartbeatAge]] = {}  # by key and writer

    def silent_seconds(
        self, key: str, heartbeat: datetime, *, writer: str = "", now: datetime, monotonic: float
    ) -> float:
        """For how many seconds `writer` has not written at `key`; `beat` is its newest."""
        writers = self._ages.setdefault(key, {})
        seen = writers.get(writer)
        if seen is None or seen.heartbeat != heartbeat:
            # What is written by another one has been written since.
            seen = writers[writer] = _HeartbeatAge(
                heartbeat=heartbeat, first_seen=monotonic, has_advanced=bool(writers), last_queried=monotonic
            )
        seen.last_queried, watched = monotonic, monotonic - seen.first_seen
        return watched if seen.has_advanced else max(watched, (now - heartbeat).total_seconds())

    def watched_seconds(self, key: str, *, writer: str = "", monotonic: float) -> float | None:
        """For how many seconds `writer` has been watched and was not seen to write; None once it was."""
        seen = self._ages.get(key, {}).get(writer)
        return None if seen is None or seen.has_advanced else monotonic - seen.first_seen

    def evict(self, *, before: float) -> None:
        """Forget the ingesters that nobody has asked about since `before`, on the monotonic clock."""
        for key, writers in list(self._ages.items()):
            kept = {writer: seen for writer, seen in writers.items() if seen.last_queried >= before}
            if kept:
                self._ages[key] = kept
            else:
                del self._ages[key]
