"""The metrics' names and words, held against the documentation and against the code that uses them."""

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
    told = {}
    for name, kind, rest in re.findall(r"^\| `(\w+)` \| (\w+) \|(.*)$", DOCS, re.MULTILINE):
        first = rest.split("|")[0]
        told[name] = (kind, tuple(re.findall(r"`(\w+)`", first)) if name.startswith("sluice_") else ())
    metrics = Metrics()
    there = {}
    for collector in metrics.registry._collector_to_names:
        (family,) = collector.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        there[name] = (family.type, collector._labelnames)
    assert told == there


@pytest.mark.parametrize("word", sorted(SOURCE_KINDS | set(SinkReason) | set(DeadLetterReason) | {OTHER}))
def test_every_kind_of_error_is_documented(word: str) -> None:
    assert f"`{word}`" in DOCS.split("## Kinds of errors")[1]


def test_every_kind_that_the_code_names_is_in_the_vocabulary() -> None:
    """Literals that are given as the kind of a failure, a halt, a loss or an error."""
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
    ("kind", "told"), [("Http429", "Http429"), ("Http799", OTHER), ("made up", OTHER), ("RedisAuth", "RedisAuth")]
)
def test_what_a_stranger_sends_makes_no_series(kind: str, told: str) -> None:
    assert error_kind(kind) == told
    metrics = Metrics()
    metrics.count_error("relay.test", kind)
    assert metrics.registry.get_sample_value(
        "sluice_ingester_errors_total", {"source": "relay.test", "kind": told}
    ) == metrics.registry.get_sample_value("ingester_errors_total")
