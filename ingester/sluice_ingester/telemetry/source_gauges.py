"""The gauges that are computed from the sources of a process when they are read. They follow the sources."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import SourceState, Stream


class MeasuredSource(Protocol):
    """The part of a source task that gauges read."""

    report: HealthReport

    @property
    def buffered(self) -> tuple[int, int]:
        """Number and bytes of the events that are read and not yet stored."""


class SourceGauges:
    """The gauges of the sources. `sources` returns those that run, each with the stream that it writes."""

    def __init__(self, metrics: Metrics, sources: Callable[[], Iterable[tuple[Stream, MeasuredSource]]]) -> None:
        self._metrics = metrics
        self._sources = sources
        self._names: set[str] = set()
        self._live: dict[str, list[MeasuredSource]] = {}
        """By name, without listings. One host may be relay and labeler."""
        metrics.gauge("websocket_connections").set_function(
            lambda: sum(source.report.connected for _, source in sources())
        )
        metrics.gauge("backpressure_active").set_function(
            lambda: sum(source.report.in_backpressure for _, source in sources())
        )
        metrics.gauge("events_in_memory").set_function(lambda: sum(source.buffered[0] for _, source in sources()))
        metrics.gauge("backfill_complete").set_function(self._are_listings_complete)

    def update(self) -> None:
        """Create the series of sources that are new, and remove those of sources that are gone."""
        names: set[str] = set()
        live: dict[str, list[MeasuredSource]] = {}
        for stream, source in self._sources():
            names.add(source.report.source)
            if stream is not Stream.BACKFILL:
                live.setdefault(source.report.source, []).append(source)
        for name in self._names - names:
            self._metrics.remove_source(name)
        for name in live.keys() - self._live.keys():
            self._metrics.buffer_events.labels(name).set_function(partial(self._buffered, name, 0))
            self._metrics.buffer_bytes.labels(name).set_function(partial(self._buffered, name, 1))
            self._metrics.lag.labels(name).set_function(partial(self._lag, name))
            self._metrics.initialize_source(name)
        self._names, self._live = names, live

    def _are_listings_complete(self) -> bool:
        states = [source.report.condition.state for stream, source in self._sources() if stream is Stream.BACKFILL]
        return bool(states) and all(state is SourceState.DONE for state in states)

    def _buffered(self, name: str, index: int) -> float:
        return sum(source.buffered[index] for source in self._live.get(name, ()))

    def _lag(self, name: str) -> float:
        return max((source.report.lag for source in self._live.get(name, ())), default=0.0)
