"""Detects several ingesters that write the health hash of one stream in turn. No I/O.

The hash contains the report of the last writer. So the last report of each writer is kept for as long as it is trusted.
Then each reconcile uses the report of the same ingester, and does not alternate.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.writers import ForeignWriter, WriterFacts
from sluice_operator.observed.report_age import FRESH_SECONDS


@dataclass(slots=True)
class _LastReport:
    report: HealthFacts
    read_at: float
    """When it was last read from the hash, on the monotonic clock."""
    written_at: float
    """When its present heartbeat was first read."""
    foreign_since: float | None = None
    """When the operator first found no pod of the stream with this name."""


class HealthWriters:
    """The last report of each ingester of one source, by the key of the hash."""

    def __init__(self) -> None:
        self._last_reports: dict[str, dict[str, _LastReport]] = {}

    def record(
        self, key: str, health: HealthFacts | None, *, own_pods: Collection[str], monotonic: float
    ) -> WriterFacts:
        """Record `health`, the hash at `key`. Returns what other ingesters wrote.

        `own_pods` are the names of the pods of the stream, terminating ones included. `monotonic` is the time now.
        """
        writers = self._last_reports.setdefault(key, {})
        if health is not None and health.pod:
            known = writers.get(health.pod)
            if known is None:
                writers[health.pod] = _LastReport(report=health, read_at=monotonic, written_at=monotonic)
            else:
                known.written_at = known.written_at if known.report.heartbeat == health.heartbeat else monotonic
                known.report, known.read_at = health, monotonic
        for name, seen in list(writers.items()):
            if name in own_pods:
                seen.foreign_since = None
            elif seen.foreign_since is None:
                seen.foreign_since = monotonic
            if monotonic - seen.read_at > FRESH_SECONDS:
                del writers[name]
        newest = health.pod if health else ""
        return WriterFacts(
            reports=tuple(_aged(seen, monotonic) for name, seen in writers.items() if name != newest),
            foreign=tuple(
                ForeignWriter(name=name, writing_seconds=seen.written_at - seen.foreign_since)
                for name, seen in sorted(writers.items())
                if seen.foreign_since is not None and _is_fresh(seen, monotonic)
            ),
        )


def _aged(seen: _LastReport, monotonic: float) -> HealthFacts:
    """The report with its ages increased by the time since it was read."""
    passed, report = monotonic - seen.read_at, seen.report
    return replace(
        report,
        silent_seconds=None if report.silent_seconds is None else report.silent_seconds + passed,
        watched_seconds=None if report.watched_seconds is None else report.watched_seconds + passed,
    )


def _is_fresh(seen: _LastReport, monotonic: float) -> bool:
    silent = seen.report.silent_seconds
    return silent is not None and silent + monotonic - seen.read_at <= FRESH_SECONDS
