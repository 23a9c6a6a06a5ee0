"""The tables of docs/metrics.md: the metrics of the operator and of the ingester, with their help texts."""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry

from generate.blocks import markdown_table, page_with_blocks
from generate.cells import code
from generate.docstrings import member_paragraphs
from sluice_ingester.telemetry.error_kinds import OTHER, SourceErrorKind
from sluice_ingester.telemetry.metrics import Metrics as IngesterMetrics
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.served_kinds import ServedKinds
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.telemetry.metrics import Metrics as OperatorMetrics
from sluice_redis.sink.errors import SinkReason
from sluice_wire.deadletter import DeadLetterReason


def _operator_metrics() -> str:
    queue: WorkQueue[SourceKey] = WorkQueue()
    namespaces = ServedNamespaces(ServedKinds(KINDS.watched.sources.values()))
    metrics = OperatorMetrics(
        kinds=KINDS, cache=Cache(KINDS.watched), namespaces=namespaces, queue=queue, is_leader=lambda: True
    )
    return _table(metrics.registry, "sluice_")


def _rust_metrics() -> str:
    return _table(IngesterMetrics().registry, "ingester_")


def _ingester_metrics() -> str:
    return _table(IngesterMetrics().registry, "sluice_")


def _error_kinds() -> str:
    http = f"`Http` with a status, such as `Http429`; `{OTHER}` for the rest"
    kinds = (("a source", f"{code(sorted(SourceErrorKind))}; {http}"), ("Redis", code(sorted(SinkReason))))
    return markdown_table(("errors of", "kinds"), kinds)


def _dead_letters() -> str:
    texts = member_paragraphs(DeadLetterReason)
    rows = ((code([reason]), " ".join(texts[reason.name])) for reason in sorted(DeadLetterReason))
    return markdown_table(("dead letter", "meaning"), rows)


def _table(registry: CollectorRegistry, prefix: str) -> str:
    rows = (row for name, *row in _metrics(registry) if name.startswith(prefix))
    return markdown_table(("metric", "type", "labels", "meaning"), rows)


def _metrics(registry: CollectorRegistry) -> Iterator[tuple[str, ...]]:
    # The client has no public way to the labels of a metric without a sample.
    for collector in registry._collector_to_names:
        for family in collector.describe() if hasattr(collector, "describe") else collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, code([name]), family.type, code(_labels(collector, family)), family.documentation


def _labels(collector: Any, family: Any) -> tuple[str, ...]:
    names = getattr(family, "_labelnames", None) or getattr(collector, "_labelnames", None) or ()
    return tuple(names)


PAGE: Final = page_with_blocks(
    "docs/metrics.md",
    operator_metrics=_operator_metrics,
    rust_metrics=_rust_metrics,
    ingester_metrics=_ingester_metrics,
    error_kinds=_error_kinds,
    dead_letters=_dead_letters,
)
