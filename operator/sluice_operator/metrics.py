"""What the operator tells Prometheus: how it works itself, and how its resources fare."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sluice_operator.queue import WorkQueue
from sluice_operator.sources import SOURCES, SourceKey
from sluice_operator.store import Store

_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LIVE_PARTS: Final = ("firehose", "labels")
"""The parts of a status that tell of what happens now, and so of a lag."""

Look = Callable[[SourceKey], Awaitable[float | None]]


class Metrics:
    """All metrics of one operator, in a registry of their own."""

    def __init__(self, *, store: Store, queue: WorkQueue[SourceKey], leads: Callable[[], bool]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self.registry.register(collector)
        self.registry.register(_Resources(store))
        self._looks = Counter(
            "sluice_reconcile", "Looks at resources, by kind and result.", ["kind", "result"], registry=self.registry
        )
        self._seconds = Histogram(
            "sluice_reconcile_duration_seconds",
            "How long a look at a resource took.",
            ["kind"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        depth = Gauge("sluice_queue_depth", "Resources that wait to be looked at.", registry=self.registry)
        depth.set_function(lambda: queue.depth)
        leader = Gauge("sluice_leader", "Whether this replica leads, and so does the work.", registry=self.registry)
        leader.set_function(lambda: float(leads()))

    def watched(self, look: Look) -> Look:
        """`look`, counted and timed."""

        async def counted(key: SourceKey) -> float | None:
            with self._seconds.labels(key.kind).time():
                try:
                    again = await look(key)
                except Exception:
                    self._looks.labels(key.kind, "error").inc()
                    raise
            self._looks.labels(key.kind, "success").inc()
            return again

        return counted


class _Resources(Collector):
    """The resources as the store has them, read when somebody asks: none is left over when it is deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """One family for each question."""
        labels = ["kind", "namespace", "name"]
        ready = GaugeMetricFamily("sluice_resource_ready", "Whether the resource is Ready.", labels=labels)
        stalled = GaugeMetricFamily("sluice_resource_stalled", "Whether a person must act.", labels=labels)
        lag = GaugeMetricFamily("sluice_resource_lag_seconds", "How far the resource is behind.", labels=labels)
        restarts = CounterMetricFamily(
            "sluice_resource_restarts", "Restarts of ingesters that nobody asked for.", labels=labels
        )
        for api in SOURCES.values():
            for source in self._store.all(api):
                values = [api.kind, source["metadata"]["namespace"], source["metadata"]["name"]]
                status = source.get("status") or {}
                conditions = {item["type"]: item["status"] for item in status.get("conditions") or []}
                ready.add_metric(values, float(conditions.get("Ready") == "True"))
                stalled.add_metric(values, float(conditions.get("Stalled") == "True"))
                restarts.add_metric(values, (status.get("restarts") or {}).get("count", 0))
                behind = [(status.get(part) or {}).get("lagSeconds") for part in LIVE_PARTS]
                if any(seconds is not None for seconds in behind):
                    lag.add_metric(values, max(seconds for seconds in behind if seconds is not None))
        yield from (ready, stalled, lag, restarts)
