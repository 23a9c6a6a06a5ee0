"""The operator's own metrics for Prometheus, such as counts of reconciliations. See also `resource_metrics`."""

from collections.abc import Awaitable, Callable, Mapping
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

from sluice_operator.kinds.registry import Kinds
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.telemetry.resource_metrics import ResourceMetrics

_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

Reconcile = Callable[[SourceKey], Awaitable[float | None]]


class Metrics:
    """All metrics of one operator, in a registry of their own."""

    def __init__(
        self,
        *,
        kinds: Kinds,
        cache: Cache,
        namespaces: ServedNamespaces,
        queue: WorkQueue[SourceKey],
        is_leader: Callable[[], bool],
        held_namespaces: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        """`held_namespaces` says for each namespace with resources whether its Lease is held."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self.registry.register(collector)
        self.registry.register(ResourceMetrics(kinds, cache, namespaces, held_namespaces))
        self._reconciles = Counter(
            "sluice_reconcile",
            "Reconciles of resources: `success`, or `error`, which includes those that were cut off.",
            ["kind", "result"],
            registry=self.registry,
        )
        for kind in kinds:
            for result in ("success", "error"):
                self._reconciles.labels(kind.name, result)  # exists from the start: a first error increases it
        self._seconds = Histogram(
            "sluice_reconcile_duration_seconds",
            "How long a reconcile of a resource took.",
            ["kind"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        depth = Gauge("sluice_queue_depth", "Resources in the work queue.", registry=self.registry)
        depth.set_function(lambda: queue.depth)
        self._poll_rounds = Counter(
            "sluice_poll_rounds",
            "Rounds in which Redis, Secrets and ConfigMaps were asked for changes of all resources.",
            registry=self.registry,
        )
        leader = Gauge("sluice_leader", "1 on the replica that leads, and so does the work.", registry=self.registry)
        leader.set_function(lambda: float(is_leader()))

    def count_poll_round(self) -> None:
        """Count a round of the change poller."""
        self._poll_rounds.inc()

    def instrumented(self, reconcile: Reconcile) -> Reconcile:
        """`reconcile`, counted and timed."""

        async def counted(key: SourceKey) -> float | None:
            result = "error"  # also if it is cancelled
            try:
                with self._seconds.labels(key.kind).time():
                    retry_seconds = await reconcile(key)
                result = "success"
            finally:
                self._reconciles.labels(key.kind, result).inc()
            return retry_seconds

        return counted
