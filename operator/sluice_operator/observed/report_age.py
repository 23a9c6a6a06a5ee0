"""For how long an ingester has been silent, whatever its clock says. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class _Seen:
    beat: datetime
    at: float
    """When this beat was first seen, on the monotonic clock."""
    moved: bool
    """Whether another beat was seen before, so that `at` is about when it was written."""
    asked: float
    """When somebody last asked, on the same clock."""


class Freshness:
    """Remembers when each ingester's beat last moved.

    A beat is a time of the ingester's clock. Whether it moves can be seen without trusting that clock; the
    clock is asked only about a beat that has not moved before our eyes yet, and what it says may be wrong.

    Several ingesters may write at one key in turn: each has a beat of its own.
    """

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, _Seen]] = {}  # by key and writer

    def silent_seconds(self, key: str, beat: datetime, *, writer: str = "", now: datetime, monotonic: float) -> float:
        """For how many seconds `writer` has not written at `key`; `beat` is its newest."""
        writers = self._seen.setdefault(key, {})
        seen = writers.get(writer)
        if seen is None or seen.beat != beat:
            # What is written by another one has been written since.
            seen = writers[writer] = _Seen(beat=beat, at=monotonic, moved=bool(writers), asked=monotonic)
        seen.asked, watched = monotonic, monotonic - seen.at
        return watched if seen.moved else max(watched, (now - beat).total_seconds())

    def watched_seconds(self, key: str, *, writer: str = "", monotonic: float) -> float | None:
        """For how many seconds `writer` has been watched and was not seen to write; None once it was."""
        seen = self._seen.get(key, {}).get(writer)
        return None if seen is None or seen.moved else monotonic - seen.at

    def forget(self, *, before: float) -> None:
        """Forget the ingesters that nobody has asked about since `before`, on the monotonic clock."""
        for key, writers in list(self._seen.items()):
            kept = {writer: seen for writer, seen in writers.items() if seen.asked >= before}
            if kept:
                self._seen[key] = kept
            else:
                del self._seen[key]
