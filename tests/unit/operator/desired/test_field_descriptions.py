"""Descriptions of fields for messages: their paths and values, without secrets."""

from typing import Any

import pytest

from sluice_operator.api.source_spec import SourceSpec
from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_descriptions import (
    _SPEC_FIELDS,
    describe_differences,
    describe_spec_fields,
    describe_value,
    spec_field_of,
)
from sluice_operator.desired.field_paths import FieldPath

POD: FieldPath = ("spec", "template", "spec")
CONTAINER: FieldPath = (*POD, "containers", (("name", "ingester"),))


@pytest.mark.parametrize("place", sorted(set(_SPEC_FIELDS.values())))
def test_every_suggested_spec_field_exists(place: str) -> None:
    node: Any = SourceSpec
    for name in place.split(".")[1:]:
        fields = {field.alias: field for field in node.model_fields.values()}
        assert name in fields
        node = fields[name].annotation
        node = next((part for part in getattr(node, "__args__", ()) if hasattr(part, "model_fields")), node)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((*CONTAINER, "resources", "requests", "cpu"), "spec.podTemplate.resources"),
        ((*CONTAINER, "env", (("name", "A"),)), "spec.podTemplate.env"),
        ((*POD, "securityContext", "runAsUser"), "spec.podTemplate.podSecurityContext"),
        (("metadata", "labels", "team"), "spec.deployment.labels"),
        ((*POD, "initContainers"), ""),
        ((*CONTAINER, "livenessProbe"), ""),
    ],
)
def test_the_spec_field_for_a_path(path: FieldPath, place: str) -> None:
    assert spec_field_of(path) == place


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CONTAINER, "env", (("name", "A"),)), {"name": "A", "value": "hunter2"}),
        ((*CONTAINER, "env", (("name", "A"),), "value"), "hunter2"),
        ((*CONTAINER, "env"), [{"name": "A", "value": "hunter2"}]),
        ((*POD, "initContainers"), [{"name": "a", "env": [{"name": "A", "value": "hunter2"}]}]),
        (
            (*POD, "containers", (("name", "b"),)),
            {"name": "b", "image": "c", "env": [{"name": "A", "value": "hunter2"}]},
        ),
        (("data", "url"), "hunter2"),
        (("data",), {"hunter": "hunter2"}),
    ],
)
def test_no_description_contains_a_secret(path: FieldPath, value: Any) -> None:
    assert "hunter2" not in describe_value(path, value)
    assert "hunter2" not in describe_differences([Difference(path=path, desired=None, live=value)], managers={})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (3, "3"),
        (True, "true"),
        ("20m", "20m"),
        (["--debug"], '["--debug"]'),
        ({"name": "a", "image": "b", "args": ["c"]}, '{"name": "a", "image": "b"}'),
        ({"b": 1, "a": 2}, '["a", "b"]'),
    ],
)
def test_the_description_of_a_value(value: Any, text: str) -> None:
    assert describe_value(("spec", "x"), value) == text


def test_the_description_of_several_differences() -> None:
    found = [Difference(path=("spec", name), desired=1, live=2) for name in ("a", "b", "c", "d", "e")]
    assert describe_differences(found, managers={("spec", "a"): "field manager kubectl-edit"}) == (
        "spec.a was 2 instead of 1, set by field manager kubectl-edit; spec.b was 2 instead of 1; "
        "spec.c was 2 instead of 1; and 2 more"
    )
    assert describe_spec_fields(found) == ""
