"""The metrics of the process: those of the Rust ingester, and Sluice's own with the labels `source` and `kind`.

The Rust ingester's metrics have no labels, and cover all sources of the process. Those that it registered and never
changed are included, so that dashboards and alerts need no change.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from sluice_ingester.batches.batch import Batch
from sluice_ingester.telemetry.error_kinds import error_kind

_COUNTERS: Final = {
    "ingester_firehose_events": "Firehose frames received.",
    "ingester_firehose_create_events": "Create operations of stored batches.",
    "ingester_firehose_update_events": "Update operations of stored batches.",
    "ingester_firehose_delete_events": "Delete operations of stored batches.",
    "ingester_firehose_filtered_operations": "Operations left out by the collection filter.",
    "ingester_stream_events": "Events stored in Redis.",
    "ingester_errors": "Errors of any kind.",
    "ingester_labeler_events": "Labeler frames received.",
    "ingester_labels_written": "Labels stored.",
    "ingester_backfill_repos_fetched": "Repos listed by sources.",
    "ingester_backfill_repos_written": "Repos stored.",
    "ingester_backfill_fetch_errors": "Pages of repos that could not be fetched.",
    "ingester_backfill_cursor_skips": "Entries of a listing passed over.",
}
_GAUGES: Final = {
    "ingester_firehose_live_length": "Entries in firehose_live.",
    "ingester_firehose_backfill_length": "Entries in firehose_backfill.",
    "ingester_label_live_length": "Entries in label_live.",
    "ingester_repo_backfill_length": "Entries in repo_backfill.",
    "ingester_backpressure_active": "Sources that are not read because Redis takes nothing.",
    "ingester_websocket_connections": "Open connections to sources.",
    "ingester_events_in_memory": "Events read and not yet stored.",
    "ingester_backfill_complete": "1 when the listing of repos is complete.",
}
_SOURCE: Final = ("source",)
_KIND: Final = ("source", "kind")
_APPEND_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """All metrics of the process, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge for every counter, which is of no use here
        self.registry = CollectorRegistry()
        self._counters = {name: Counter(name, text, registry=self.registry) for name, text in _COUNTERS.items()}
        self._gauges = {name: Gauge(name, text, registry=self.registry) for name, text in _GAUGES.items()}
        self.events = self._counter("events", "Events of stored batches.", _KIND)
        self.errors = self._counter("errors", "Errors by kind.", _KIND)
        self.dead_letters = self._counter("dead_letters", "Frames and records sent to the dead letters.", _KIND)
        self.repeats = self._counter("repeats", "Frames dropped because they were stored before.", _SOURCE)
        self.duplicates = self._counter("duplicates", "Events left out since another relay told of them.", _SOURCE)
        self.unknown_messages = self._counter("unknown_messages", "Messages ignored because of their type.", _SOURCE)
        self.reconnects = self._counter("reconnects", "Connections opened after the first one.", _SOURCE)
        self.fenced = self._counter("fenced", "Batches refused because the cursor was set by another.", _SOURCE)
        self.background_task_failures = self._counter(
            "helper_failures", "Failures of what runs beside the streams.", ("helper",)
        )
        self.lag = self._gauge("lag_seconds", "How far the stored events are behind the source's clock.")
        self.buffer_events = self._gauge("buffer_events", "Events read and not yet stored.")
        self.buffer_bytes = self._gauge("buffer_bytes", "Bytes of events read and not yet stored.")
        self.append_seconds = Histogram(
            "sluice_ingester_append_seconds",
            "Round trips of the append.",
            _SOURCE,
            registry=self.registry,
            buckets=_APPEND_SECONDS,
        )

    def initialize_source(self, source: str) -> None:
        """Create the series of `source` with the value zero: an alert cannot see a step from absent to one."""
        for metric in (
            self.repeats,
            self.duplicates,
            self.unknown_messages,
            self.reconnects,
            self.fenced,
            self.append_seconds,
        ):
            metric.labels(source)

    def increment(self, name: str, amount: float = 1) -> None:
        """Add to one of the Rust ingester's counters; `name` without `ingester_`."""
        self._counters[f"ingester_{name}"].inc(amount)

    def gauge(self, name: str) -> Gauge:
        """One of the Rust ingester's gauges; `name` without `ingester_`."""
        return self._gauges[f"ingester_{name}"]

    def count_batch(self, source: str, batch: Batch, *, duplicates: int) -> None:
        """Count a batch that was stored without `duplicates` of its events."""
        self.increment("stream_events", len(batch.events) - duplicates)
        self.duplicates.labels(source).inc(duplicates)
        for kind, number in batch.kinds.items():
            self.events.labels(source, kind).inc(number)
            if kind in {"create", "update", "delete"}:
                self.increment(f"firehose_{kind}_events", number)
            elif kind == "label":
                self.increment("labels_written", number)
            elif kind == "repo":
                self.increment("backfill_repos_written", number)
        for letter in batch.dead_letters:
            self.dead_letters.labels(source, letter.reason.value).inc()

    def count_error(self, source: str, kind: str) -> None:
        """Count an error."""
        self.increment("errors")
        self.errors.labels(source, error_kind(kind)).inc()

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"sluice_ingester_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"sluice_ingester_{name}", text, _SOURCE, registry=self.registry)
