"""Field paths: formatting, reading and setting."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.desired.field_paths import FieldPath, format_path, is_within, match_items, value_at, with_value

CONTAINER: FieldPath = ("spec", "containers", (("name", "ingester"),))
OBJECT: dict[str, Any] = {
    "spec": {"replicas": 1, "containers": [{"name": "sidecar"}, {"name": "ingester", "image": "a", "args": ["x"]}]}
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((*CONTAINER, "env", (("name", "A"),), "value"), "spec.containers[ingester].env[A].value"),
        (("metadata", "labels", "sluice.dev/relay"), "metadata.labels[sluice.dev/relay]"),
        (("spread", (("topologyKey", "z"), ("whenUnsatisfiable", "w"))), "spread[z,w]"),
        (("ports", (("containerPort", 80),)), "ports[80]"),
    ],
)
def test_a_path_is_formatted(path: FieldPath, text: str) -> None:
    assert format_path(path) == text


def test_the_value_at_a_path() -> None:
    assert value_at(OBJECT, (*CONTAINER, "image")) == "a"
    assert value_at(OBJECT, (*CONTAINER, "command")) is None
    assert value_at(OBJECT, ("spec", "containers", (("name", "other"),), "image")) is None
    assert value_at(OBJECT, ("spec", "replicas", "deeper")) is None


def test_a_value_is_set_removed_and_added() -> None:
    assert value_at(with_value(OBJECT, (*CONTAINER, "image"), "b"), (*CONTAINER, "image")) == "b"
    assert with_value(OBJECT, CONTAINER, None)["spec"]["containers"] == [{"name": "sidecar"}]
    more = with_value(OBJECT, ("spec", "containers", (("name", "new"),)), {"name": "new"})
    assert [item["name"] for item in more["spec"]["containers"]] == ["sidecar", "ingester", "new"]
    assert with_value({}, ("a", "b"), 1) == {"a": {"b": 1}}
    assert len(OBJECT["spec"]["containers"]) == 2


def test_a_path_is_within_its_parent() -> None:
    assert is_within((*CONTAINER, "image"), CONTAINER)
    assert is_within(CONTAINER, CONTAINER)
    assert not is_within(CONTAINER, (*CONTAINER, "image"))


@pytest.mark.parametrize(
    ("one", "other"),
    [([{"a": 1}], [{"a": 1}]), ([{"name": "a"}, {"name": "a"}], [{"name": "a"}]), ([1], [{"name": "a"}])],
    ids=["no key", "twice", "no object"],
)
def test_items_without_a_unique_key_are_not_matched(one: list[Any], other: list[Any]) -> None:
    assert match_items(one, other) is None


NAMES = st.sampled_from("abc")
PATHS = st.lists(st.one_of(NAMES, NAMES.map(lambda name: (("name", name),))), min_size=1, max_size=5).map(tuple)


@given(PATHS.filter(lambda path: isinstance(path[0], str)), st.integers())
def test_a_value_that_was_set_is_read_back(path: FieldPath, value: int) -> None:
    fields = (*path, "value")
    assert value_at(with_value({}, fields, value), fields) == value or _has_list_item(path)


def _has_list_item(path: FieldPath) -> bool:
    """Whether the path has a list item. A new item needs its key, so it is only set as a whole."""
    return any(not isinstance(step, str) for step in path)
