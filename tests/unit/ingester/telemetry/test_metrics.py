"""The ingester's metrics and kinds of errors: the same in the code and in the documentation."""

import ast
import re
from pathlib import Path

import pytest

from sluice_ingester.telemetry import error_kinds
from sluice_ingester.telemetry.error_kinds import ERROR_KINDS, OTHER, SOURCE_KINDS, error_kind
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.sink.errors import SinkReason
from sluice_wire.deadletter import DeadLetterReason

ROOT = Path(__file__).parents[4]
DOCS = (ROOT / "docs" / "metrics.md").read_text().partition("\n## Ingester\n")[2]
CODE = Path(error_kinds.__file__).parents[2]


def test_the_documentation_lists_every_metric_with_its_type_and_labels() -> None:
    documented = {}
    for name, kind, rest in re.findall(r"^\| `(\w+)` \| (\w+) \|(.*)$", DOCS, re.MULTILINE):
        first = rest.split("|")[0]
        documented[name] = (kind, tuple(re.findall(r"`(\w+)`", first)) if name.startswith("sluice_") else ())
    metrics = Metrics()
    registered = {}
    for collector in metrics.registry._collector_to_names:
        (family,) = collector.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        registered[name] = (family.type, collector._labelnames)
    assert documented == registered


@pytest.mark.parametrize("word", sorted(SOURCE_KINDS | set(SinkReason) | set(DeadLetterReason) | {OTHER}))
def test_every_kind_of_error_is_documented(word: str) -> None:
    assert f"`{word}`" in DOCS.split("## Kinds of errors")[1]


def test_every_kind_of_error_in_the_code_is_registered() -> None:
    """Looks at literals that the code passes as the kind of a failure, a halt, a loss or an error."""
    takers = {"SourceFailure", "HaltError", "waiting", "error", "_misfit"}
    named = set()
    for file in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                word = node.args[0]
                if name in takers and isinstance(word, ast.Constant) and re.fullmatch(r"[A-Z]\w+", str(word.value)):
                    named.add(word.value)
    assert len(named) > 15
    assert named <= ERROR_KINDS


@pytest.mark.parametrize(
    ("kind", "label"), [("Http429", "Http429"), ("Http799", OTHER), ("made up", OTHER), ("RedisAuth", "RedisAuth")]
)
def test_an_unknown_kind_adds_no_series(kind: str, label: str) -> None:
    assert error_kind(kind) == label
    metrics = Metrics()
    metrics.count_error("relay.test", kind)
    assert metrics.registry.get_sample_value(
        "sluice_ingester_errors_total", {"source": "relay.test", "kind": label}
    ) == metrics.registry.get_sample_value("ingester_errors_total")
