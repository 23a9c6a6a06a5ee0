"""Metrics of resources for Prometheus, from their statuses in the cache.

They are read at each scrape, so nothing is left of a deleted resource. Ages are given as timestamps, from which the
monitor computes the age: a status is not written only because an age grows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sluice_common.times import parse_time
from sluice_operator.desired.component import Component
from sluice_operator.kinds.registry import Kinds
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces

_STATES: Final = ("True", "False", "Unknown")
_LABELS: Final = ("kind", "namespace", "name")


class ResourceMetrics(Collector):
    """The metrics of all resources."""

    def __init__(
        self,
        kinds: Kinds,
        cache: Cache,
        namespaces: ServedNamespaces,
        held_namespaces: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        self._kinds = kinds
        self._held_namespaces = held_namespaces
        self._cache = cache
        self._namespaces = namespaces

    def collect(self) -> Iterator[Metric]:
        """All metrics, one family for each name."""
        counts = GaugeMetricFamily(
            "sluice_resources",
            "Resources by their `Ready`: `True`, `False`, or `Unknown` before the first reconcile.",
            labels=["kind", "ready"],
        )
        served = GaugeMetricFamily(
            "sluice_namespace_served",
            "1 while a namespace of `SLUICE_WATCH_NAMESPACES`, or one with resources, is served. 0 while the API "
            "server refuses it or another release serves it; then it has no other metrics.",
            labels=["namespace"],
        )
        known, held = self._namespaces.served_by_name, self._held_namespaces()
        for name in dict.fromkeys([*known, *held]):
            is_served = known.get(name, True) and held.get(name, True)
            served.add_metric([name], float(is_served))
        kinds = GaugeMetricFamily(
            "sluice_kind_served",
            "1 while the resources of a kind are served in all namespaces. 0 while its CRD is missing or it can't be "
            "listed or watched: `/readyz` and the log say why.",
            labels=["kind"],
        )
        for name, is_served in self._namespaces.kinds.served_by_kind.items():
            kinds.add_metric([name], float(is_served))
        families = _families()
        for kind in self._kinds:
            api = kind.resource
            states = dict.fromkeys(_STATES, 0)
            for source in self._cache.all(api):
                metadata, status = source["metadata"], source.get("status") or {}
                if not self._namespaces.serves_kind(api, metadata["namespace"]) or not held.get(
                    metadata["namespace"], True
                ):
                    continue  # its status may be outdated, or another release exports it
                labels = [api.kind, metadata["namespace"], metadata["name"]]
                states[_condition(status, "Ready")] += 1
                for family, labelled, value in _samples(status, kind.components):
                    families[family].add_metric([*labels, *labelled], value)
            for state, count in states.items():
                counts.add_metric([api.kind, state], count)
        yield from (served, kinds, counts, *families.values())


def _families() -> dict[str, GaugeMetricFamily | CounterMetricFamily]:
    def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"sluice_resource_{name}", text, labels=[*_LABELS, *labels])

    restarts = "Unplanned restarts of ingesters, over all pods and all time."
    return {
        "ready": gauge("ready", "1 while the resource is `Ready`, else 0."),
        "stalled": gauge("stalled", "1 while a person must act, else 0."),
        "restarts": CounterMetricFamily("sluice_resource_restarts", restarts, labels=_LABELS),
        "lag": gauge(
            "lag_seconds",
            "How old the newest event was when it was stored; grows while the source can't be read. Absent while Redis "
            "can't be read, and while suspended.",
        ),
        "newest": gauge(
            "newest_event_timestamp_seconds",
            "The time of the newest stored event: `time()` minus this is its age.",
            "stream",
        ),
        "entries": gauge("stream_entries", "Entries in the stream in Redis, which sources can share.", "stream"),
        "bytes": gauge("stream_bytes", "About how many bytes the stream takes in Redis.", "stream"),
        "consumers": gauge(
            "consumers_lag_entries",
            "Entries not yet delivered to the slowest consumer group. Absent without groups.",
            "stream",
        ),
    }


def _samples(status: Mapping[str, Any], components: Sequence[Component]) -> Iterator[tuple[str, list[str], float]]:
    """The samples of one status: family, values of further labels, value."""
    yield "ready", [], float(_condition(status, "Ready") == "True")
    yield "stalled", [], float(_condition(status, "Stalled") == "True")
    yield "restarts", [], (status.get("restarts") or {}).get("count", 0)
    parts = {component: status[component.field] for component in components if status.get(component.field)}
    lags = [part["lagSeconds"] for component, part in parts.items() if component.reports_lag and "lagSeconds" in part]
    if lags:
        yield "lag", [], max(lags)
    for component, part in parts.items():
        name = component.field
        if newest := parse_time(part.get("cursorTime")):
            yield "newest", [name], newest.timestamp()
        for family, field in (("entries", "streamLength"), ("bytes", "streamBytes"), ("consumers", "consumersLag")):
            if field in part:
                yield family, [name], part[field]


def _condition(status: Mapping[str, Any], kind: str) -> str:
    found = next((item for item in status.get("conditions") or () if item["type"] == kind), None)
    return found["status"] if found and found["status"] in _STATES else "Unknown"
