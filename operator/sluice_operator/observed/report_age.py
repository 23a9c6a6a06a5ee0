"""Measures how long an ingester has not reported, even if its clock is wrong. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

FRESH_SECONDS: Final = 30.0
"""How long a report is trusted. An ingester writes one at least every 5 seconds."""


@dataclass(slots=True)
class _HeartbeatAge:
    heartbeat: datetime
    first_seen: float
    """When this heartbeat was first read, on the monotonic clock."""
    has_advanced: bool
    """Whether an earlier heartbeat was read before. Then `first_seen` is about when this one was written."""
    last_queried: float
    """When the age was last queried, on the same clock."""


class ReportAges:
    """Records when the heartbeat of each ingester last changed.

    A heartbeat is a time by the ingester's clock. If it changes, the ingester is alive, even if that clock is wrong.
    Before the first change, the age is computed from that clock.

    Several ingesters may write the same key in turn. Each has its own heartbeat.
    """

    def __init__(self) -> None:
        self._ages: dict[str, dict[str, _HeartbeatAge]] = {}  # by key and writer

    def silent_seconds(
        self, key: str, heartbeat: datetime, *, writer: str = "", now: datetime, monotonic: float
    ) -> float:
        """The seconds since `writer` has written `key`. `heartbeat` is its newest heartbeat."""
        writers = self._ages.setdefault(key, {})
        seen = writers.get(writer)
        if seen is None or seen.heartbeat != heartbeat:
            # If anybody has written this key before, this heartbeat was written since then.
            seen = writers[writer] = _HeartbeatAge(
                heartbeat=heartbeat, first_seen=monotonic, has_advanced=bool(writers), last_queried=monotonic
            )
        seen.last_queried, watched = monotonic, monotonic - seen.first_seen
        return watched if seen.has_advanced else max(watched, (now - heartbeat).total_seconds())

    def watched_seconds(self, key: str, *, writer: str = "", monotonic: float) -> float | None:
        """The seconds since the first heartbeat of `writer` was read, if it has not changed. None after a change."""
        seen = self._ages.get(key, {}).get(writer)
        return None if seen is None or seen.has_advanced else monotonic - seen.first_seen

    def evict(self, *, before: float) -> None:
        """Drop the ingesters that were not queried since `before`, on the monotonic clock."""
        for key, writers in list(self._ages.items()):
            kept = {writer: seen for writer, seen in writers.items() if seen.last_queried >= before}
            if kept:
                self._ages[key] = kept
            else:
                del self._ages[key]
