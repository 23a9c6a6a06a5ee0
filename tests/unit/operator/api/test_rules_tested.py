"""The tests on a real API server have a case for every rule of the generated CRDs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.test_changes import CHANGES_REFUSED
from tests.apiserver.test_labeler import REFUSED as REFUSED_LABELERS
from tests.apiserver.test_rules import REFUSED

ROOT = Path(__file__).parents[4]
CRDS = sorted((ROOT / "crds").glob("*.yaml"))
MESSAGES = [message for _, message in (*REFUSED, *REFUSED_LABELERS)] + [message for _, _, message in CHANGES_REFUSED]
Place = tuple[str, ...]

BROKEN = {
    "minimum": lambda bound, value: isinstance(value, int) and value < bound,
    "maximum": lambda bound, value: isinstance(value, int) and value > bound,
    "minLength": lambda bound, value: isinstance(value, str) and len(value) < bound,
    "maxLength": lambda bound, value: isinstance(value, str) and len(value) > bound,
    "pattern": lambda bound, value: isinstance(value, str) and re.search(bound, value) is None,
    "enum": lambda bound, value: value not in bound,
    "minItems": lambda bound, value: isinstance(value, list) and len(value) < bound,
    "maxItems": lambda bound, value: isinstance(value, list) and len(value) > bound,
    "maxProperties": lambda bound, value: isinstance(value, dict) and len(value) > bound,
    "required": lambda bound, value: isinstance(value, dict) and not value.keys() >= set(bound),
}
"""By keyword, whether a value breaks it."""


def spec_of(crd: Path) -> dict[str, Any]:
    schema = yaml.safe_load(crd.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec: dict[str, Any] = schema["properties"]["spec"]
    return spec


def messages(node: Any) -> Iterator[str]:
    """The messages of all CEL rules in a schema."""
    if isinstance(node, dict):
        yield from (rule["message"] for rule in node.get("x-kubernetes-validations", ()))
        yield from (message for value in node.values() for message in messages(value))


def bounds(node: dict[str, Any], path: Place = ()) -> Iterator[tuple[Place, str, Any]]:
    """All bounds in a schema, as path, keyword and bound."""
    yield from ((path, keyword, node[keyword]) for keyword in BROKEN if keyword in node)
    for name, field in node.get("properties", {}).items():
        yield from bounds(field, (*path, name))
    if "items" in node:
        yield from bounds(node["items"], (*path, "[]"))
    if isinstance(node.get("additionalProperties"), dict):
        yield from bounds(node["additionalProperties"], (*path, "{}"))


def values(node: Any, path: Place) -> Iterator[Any]:
    """All values at `path` in an object. `[]` stands for any item, `{}` for any key."""
    if not path:
        yield node
    elif path[0] == "[]" and isinstance(node, list):
        yield from (found for item in node for found in values(item, path[1:]))
    elif path[0] == "{}" and isinstance(node, dict):
        yield from (found for item in node.values() for found in values(item, path[1:]))
    elif isinstance(node, dict) and path[0] in node:
        yield from values(node[path[0]], path[1:])


ALL_MESSAGES = sorted({message for crd in CRDS for message in messages(spec_of(crd))})
ALL_BOUNDS = {(path, keyword): bound for crd in CRDS for path, keyword, bound in bounds(spec_of(crd))}


@pytest.mark.parametrize("rule", ALL_MESSAGES, ids=lambda rule: rule[:60])
def test_every_rule_has_a_case_with_its_message(rule: str) -> None:
    assert any(message in rule or rule in message for message in MESSAGES)


@pytest.mark.parametrize(
    ("path", "keyword"), ALL_BOUNDS, ids=lambda part: ".".join(part) if isinstance(part, tuple) else part
)
def test_every_bound_of_the_schema_has_a_case_that_breaks_it(path: Place, keyword: str) -> None:
    bound, broken = ALL_BOUNDS[path, keyword], BROKEN[keyword]
    cases = [spec for spec, _ in REFUSED] + [{"host": "ozone.example.com", **spec} for spec, _ in REFUSED_LABELERS]
    assert any(broken(bound, value) for spec in cases for value in values(spec, path))
