"""Who writes the health hash of a stream, when several ingesters do so in turn.

The hash holds the report of whoever wrote last. So the last report of each is kept for as long as it would be
believed: then each look tells of the same ingester, and not of one after the other.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from sluice_operator.observed.facts import ForeignWriter, HealthFacts, WriterFacts

KEPT_SECONDS: Final = 30.0
"""For how long a report is kept: for as long as it is believed, see `status.reading`."""


@dataclass(slots=True)
class _Seen:
    report: HealthFacts
    read: float
    """When it stood in the hash, on the monotonic clock."""
    written: float
    """When its beat was first seen."""
    foreign_since: float | None = None
    """When the operator first found that no pod of the stream has this name."""


class Writers:
    """Remembers who has written, by the key of the hash."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], dict[str, _Seen]] = {}

    def note(
        self, source: str, key: str, health: HealthFacts | None, *, ours: Collection[str], monotonic: float
    ) -> WriterFacts:
        """Take in `health`, which stands at `key` of the source with the uid `source`; what others wrote before it.

        `ours` are the names of the pods that are the stream's, those on their way out too.
        """
        writers = self._seen.setdefault((source, key), {})
        if health is not None and health.pod:
            known = writers.get(health.pod)
            if known is None:
                writers[health.pod] = _Seen(report=health, read=monotonic, written=monotonic)
            else:
                known.written = known.written if known.report.beat == health.beat else monotonic
                known.report, known.read = health, monotonic
        for name, seen in list(writers.items()):
            if name in ours:
                seen.foreign_since = None
            elif seen.foreign_since is None:
                seen.foreign_since = monotonic
            if monotonic - seen.read > KEPT_SECONDS:
                del writers[name]
        newest = health.pod if health else ""
        return WriterFacts(
            reports=tuple(_older(seen, monotonic) for name, seen in writers.items() if name != newest),
            foreign=tuple(
                ForeignWriter(name=name, wrote_for=seen.written - seen.foreign_since)
                for name, seen in sorted(writers.items())
                if seen.foreign_since is not None and _is_fresh(seen, monotonic)
            ),
        )

    def forget(self, source: str) -> None:
        """The source with that uid is gone."""
        self._seen = {place: seen for place, seen in self._seen.items() if place[0] != source}


def _older(seen: _Seen, monotonic: float) -> HealthFacts:
    """The report as it is now: older by the time since it was read."""
    passed, report = monotonic - seen.read, seen.report
    return replace(
        report,
        silent_seconds=None if report.silent_seconds is None else report.silent_seconds + passed,
        watched_seconds=None if report.watched_seconds is None else report.watched_seconds + passed,
    )


def _is_fresh(seen: _Seen, monotonic: float) -> bool:
    silent = seen.report.silent_seconds
    return silent is not None and silent + monotonic - seen.read <= KEPT_SECONDS
