"""The CRDs: strict and structural schemas, in which every field is described."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from sluice_operator.kinds.crd import build_crd
from sluice_operator.kinds.kind import Kind
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY

each_kind = pytest.mark.parametrize("kind", tuple(KINDS), ids=lambda kind: kind.name)


def schema_of(kind: Kind) -> dict[str, Any]:
    schema: dict[str, Any] = build_crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a schema, with its path."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key], f"{path}[]")


@each_kind
def test_every_field_is_described_in_a_sentence(kind: Kind) -> None:
    for path, node in nodes(schema_of(kind)):
        if path.endswith("[]") or path == ".metadata":
            continue
        description = node.get("description", "")
        assert description.endswith("."), path
        assert description[:1].isupper(), path
        assert "\n" not in description, path


@each_kind
def test_a_description_names_the_default_once(kind: Kind) -> None:
    for path, node in nodes(schema_of(kind)["properties"]["spec"]):
        description = node.get("description", "")
        assert description.count("Defaults to") <= 1, path
        if node.get("default") and node.get("type") != "object":
            assert "Defaults to" in description, path
    size = schema_of(kind)["properties"]["spec"]["properties"]["batch"]["properties"]["size"]
    assert size["description"].endswith(" Defaults to 500.")


@each_kind
def test_schema_is_structural_and_strict(kind: Kind) -> None:
    for path, node in nodes(schema_of(kind)):
        assert not node.keys() & {"$ref", "$defs", "title", "oneOf", "const"}, path
        free = re.search(r"\.podTemplate\.(affinity\.\w+|volumes\[\])$", path) is not None
        assert node.get("x-kubernetes-preserve-unknown-fields", False) is free, path
        assert "type" in node or node.get("x-kubernetes-int-or-string"), path
        if "properties" in node:
            assert "additionalProperties" not in node, path
        for default in (node.get("default", ...),):
            assert default is not None, path


@each_kind
def test_numbers_name_their_unit_and_bounds(kind: Kind) -> None:
    for path, node in nodes(schema_of(kind)["properties"]["spec"]):
        if node.get("type") == "integer" and path:
            assert {"minimum", "maximum"} <= node.keys(), path


_UNITS = re.compile(r"[Nn]umber of|seconds|bytes|per second|[Ee]xit code|metadata\.generation")


@each_kind
def test_numbers_of_the_status_name_their_unit(kind: Kind) -> None:
    for path, node in nodes(schema_of(kind)["properties"]["status"]):
        if node.get("type") in {"integer", "number"}:
            assert _UNITS.search(node["description"]), path
        if path.endswith("Seconds"):
            assert "seconds" in node["description"], path


@each_kind
def test_the_default_status_is_progressing(kind: Kind) -> None:
    crd = build_crd(kind)
    assert crd["spec"]["versions"][0]["subresources"] == {"status": {}}
    status = schema_of(kind)["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert status["properties"]["conditions"]["x-kubernetes-list-type"] == "map"
    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]


def test_defaults_are_at_the_field_itself() -> None:
    spec = schema_of(RELAY)["properties"]["spec"]["properties"]
    assert spec["batch"]["default"] == {}
    assert spec["batch"]["properties"]["size"]["default"] == 500
    # A map has no fields for defaults, so its default is at the map itself.
    assert spec["podTemplate"]["default"] == {}
    assert spec["podTemplate"]["properties"]["resources"]["default"] == {
        "requests": {"cpu": "50m", "memory": "64Mi"},
        "limits": {"memory": "128Mi"},
    }
    assert "default" not in spec["redis"]
    assert "default" not in spec["image"]


def test_the_columns_of_a_relay() -> None:
    crd = build_crd(RELAY)
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if "priority" not in column]
    assert shown == ["Host", "Ready", "Cursor", "Lag", "Rate", "Restarts", "Age", "Reason"]
    wide = [column["name"] for column in columns if column.get("priority") == 1]
    assert wide == ["Length", "Consumers", "Backfill", "Last-Error", "Message"]
    assert crd["spec"]["names"]["categories"] == ["atproto"]
    assert crd["spec"]["names"]["shortNames"] == ["rly"]


@each_kind
def test_columns_refer_to_existing_fields(kind: Kind) -> None:
    fields = {path for path, _ in nodes(schema_of(kind))} | {".metadata.creationTimestamp"}
    for column in kind.columns:
        head, found, tail = column.path.partition("[?(@.type==")
        assert head in fields, column.path
        assert not found or head + "[]" + tail.partition(")]")[2] in fields, column.path


def defaults_below_lists(node: Any, path: str = "", *, below: bool = False) -> list[str]:
    """The paths of defaults within items of lists and values of maps."""
    if not isinstance(node, dict):
        return []
    found = [path] if below and "default" in node else []
    for name, field in node.get("properties", {}).items():
        found += defaults_below_lists(field, f"{path}.{name}", below=below)
    for part in ("items", "additionalProperties"):
        found += defaults_below_lists(node.get(part), f"{path}[]", below=True)
    return found


@pytest.mark.parametrize("kind", tuple(KINDS), ids=lambda kind: kind.name)
def test_there_is_no_default_below_a_list(kind: Kind) -> None:
    """Argo CD compares lists as a whole, and would always report a difference."""
    assert defaults_below_lists(build_crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]) == []
