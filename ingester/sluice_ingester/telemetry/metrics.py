"""The metrics of the process: those of the Rust ingester, and Sluice's own with the labels `source` and `kind`.

The Rust ingester's metrics have no labels, and count over all sources of the process. Some of them the Rust ingester
registered but never updated. They are included, so that dashboards and alerts need no change.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from sluice_ingester.batches.batch import Batch
from sluice_ingester.telemetry.error_kinds import error_kind

_COUNTERS: Final = {
    "ingester_firehose_events": "Frames received from relays, repeats included.",
    "ingester_firehose_create_events": "Create operations of stored batches.",
    "ingester_firehose_update_events": "Update operations of stored batches.",
    "ingester_firehose_delete_events": "Delete operations of stored batches.",
    "ingester_firehose_filtered_operations": "Operations left out by the collection filter.",
    "ingester_stream_events": "Entries stored in all streams.",
    "ingester_errors": "Errors of any kind.",
    "ingester_labeler_events": "Frames received from labelers, repeats included.",
    "ingester_labels_written": "Labels stored.",
    "ingester_backfill_repos_fetched": "Repos listed by sources, repeats included.",
    "ingester_backfill_repos_written": "Repos stored.",
    "ingester_backfill_fetch_errors": "Pages of repos that could not be fetched.",
    "ingester_backfill_cursor_skips": "Entries of a listing that were skipped, as `INGESTER_ON_PAGE_ERROR` allows.",
}
_GAUGES: Final = {
    "ingester_firehose_live_length": "Entries in `firehose_live`, measured every 10 seconds.",
    "ingester_firehose_backfill_length": "Entries in `firehose_backfill`, measured every 10 seconds.",
    "ingester_label_live_length": "Entries in `label_live`, measured every 10 seconds.",
    "ingester_repo_backfill_length": "Entries in `repo_backfill`, measured every 10 seconds.",
    "ingester_backpressure_active": "Sources that are not read because Redis takes no events.",
    "ingester_websocket_connections": "Open connections to sources.",
    "ingester_events_in_memory": "Events read and not yet stored.",
    "ingester_backfill_complete": "1 when all listings of repos are complete, else 0.",
}
_SOURCE: Final = ("source",)
_KIND: Final = ("source", "kind")
_APPEND_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """All metrics of the process, in their own registry."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge for every counter, which is of no use here
        self.registry = CollectorRegistry()
        self._counters = {name: Counter(name, text, registry=self.registry) for name, text in _COUNTERS.items()}
        self._gauges = {name: Gauge(name, text, registry=self.registry) for name, text in _GAUGES.items()}
        self.events = self._counter(
            "events",
            "Events of stored batches, duplicates included: `create`, `update`, `delete`, `account`, `identity`, "
            "`sync`, `label`, `repo`.",
            _KIND,
        )
        self.errors = self._counter("errors", "Errors, by the kinds below.", _KIND)
        self.dead_letters = self._counter("dead_letters", "Dead letters stored, by the kinds below.", _KIND)
        self.repeats = self._counter(
            "repeats", "Frames dropped because they were stored before: the overlap of a reconnect.", _SOURCE
        )
        self.duplicates = self._counter(
            "duplicates", "Events left out because another relay delivered them before.", _SOURCE
        )
        self.unknown_messages = self._counter(
            "unknown_messages", "Messages ignored because their type is unknown; each type is logged once.", _SOURCE
        )
        self.reconnects = self._counter("reconnects", "Connections opened after the first one.", _SOURCE)
        self.fenced = self._counter("fenced", "Times that somebody else had set the cursor.", _SOURCE)
        self.background_task_failures = self._counter(
            "helper_failures",
            "Failures of background tasks, which are retried: `beat` (health hashes), `check` (cursors), `silence`, "
            "`restart` (stuck sources), `list` (source list), `measure` (lengths), `retain` (trimming).",
            ("helper",),
        )
        self.lag = self._gauge(
            "lag_seconds", "How old the newest event was when it was stored; grows while the source can't be read."
        )
        self.buffer_events = self._gauge("buffer_events", "Events read and not yet stored.")
        self.buffer_bytes = self._gauge("buffer_bytes", "Bytes of events read and not yet stored.")
        self.append_seconds = Histogram(
            "sluice_ingester_append_seconds",
            "Round trips of appends that were stored.",
            _SOURCE,
            registry=self.registry,
            buckets=_APPEND_SECONDS,
        )
        self._of_sources: tuple[Counter | Gauge | Histogram, ...] = (
            self.events,
            self.errors,
            self.dead_letters,
            self.repeats,
            self.duplicates,
            self.unknown_messages,
            self.reconnects,
            self.fenced,
            self.lag,
            self.buffer_events,
            self.buffer_bytes,
            self.append_seconds,
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

    def remove_source(self, source: str) -> None:
        """Remove all series of `source`. What it has added to the counters without labels stays."""
        for metric in self._of_sources:
            metric.remove_by_labels({"source": source})

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
