"""CRD fields that set a variable of the ingester: limits, default and values come from the setting's declaration."""

import ast
import inspect
from collections.abc import Iterator
from enum import EnumType, StrEnum
from typing import Any, NamedTuple, get_args, get_origin

import pytest
from pydantic import BaseModel

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.relay import Relay
from sluice_operator.api.schema import Schema, structural_schema
from sluice_operator.kinds.registry import KINDS
from sluice_redis.ingester_settings import (
    BACKFILL_RESCAN_SECONDS,
    DEDUPLICATE_SECONDS,
    HIGH_WATER_MARK,
    ON_CURSOR_LOST,
    ON_PAGE_ERROR,
    SETTINGS,
    SYNC_EVENTS,
    OnCursorLost,
    OnPageError,
    Setting,
    SyncEvents,
)


class Field(NamedTuple):
    """A field of a spec: its path, its model, its attribute in the model, and its schema."""

    path: str
    model: type[BaseModel]
    attribute: str
    schema: Schema


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation such as `RedisSpec | None`. Items of lists do not count."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not tuple:
        for argument in get_args(annotation):
            yield from parts(argument)


def fields(model: type[BaseModel], schema: Schema, path: str) -> Iterator[Field]:
    """All fields below a part of a resource."""
    for attribute, info in model.model_fields.items():
        name = info.alias or attribute
        field = Field(f"{path}.{name}", model, attribute, schema["properties"][name])
        yield field
        for part in parts(info.annotation):
            yield from fields(part, field.schema, field.path)


FIELDS = [
    field
    for kind in KINDS
    for spec in parts(kind.model.model_fields["spec"].annotation)
    for field in fields(spec, structural_schema(kind.model)["properties"]["spec"], "spec")
]


def fields_of(setting: Setting[object]) -> list[Field]:
    """The CRD fields that set `setting`. `startFrom` is one of each event stream."""
    place = setting.field.removesuffix(" of the stream")
    return [field for field in FIELDS if field.path == place or field.path.endswith(f".{place}")]


PAIRS = [(setting, field) for setting in SETTINGS if setting.field for field in fields_of(setting)]
each_pair = pytest.mark.parametrize(
    ("setting", "field"), PAIRS, ids=[f"{setting.variable}-{field.model.__name__}" for setting, field in PAIRS]
)


def declaration(field: Field) -> ast.AnnAssign:
    """The line of the model that declares the field."""
    owner = next(base for base in field.model.__mro__ if field.attribute in inspect.get_annotations(base))
    (tree,) = ast.parse(inspect.getsource(owner)).body
    assert isinstance(tree, ast.ClassDef)
    lines = [line for line in tree.body if isinstance(line, ast.AnnAssign)]
    return next(line for line in lines if ast.unparse(line.target) == field.attribute)


def limits_written_in(line: ast.AnnAssign) -> list[str]:
    """The limits of a number that the annotation itself names, such as `ge=1`."""
    names = {"ge", "gt", "le", "lt", "multiple_of"}
    return [ast.unparse(node) for node in ast.walk(line) if isinstance(node, ast.keyword) and node.arg in names]


def default_is_written_in(line: ast.AnnAssign) -> bool:
    """Whether the default is a literal other than None."""
    return isinstance(line.value, (ast.Constant, ast.Tuple)) and ast.literal_eval(line.value) is not None


@pytest.mark.parametrize(
    "setting", [setting for setting in SETTINGS if setting.field], ids=lambda setting: setting.variable
)
def test_the_declared_field_exists(setting: Setting[object]) -> None:
    assert fields_of(setting)


@each_pair
def test_a_field_takes_its_limits_from_the_setting(setting: Setting[object], field: Field) -> None:
    if field.schema.get("type") == "integer":
        limits = setting.field_limits
        assert (field.schema["minimum"], field.schema["maximum"]) == (limits.minimum, limits.maximum)
    assert limits_written_in(declaration(field)) == []


@each_pair
def test_a_field_takes_its_default_from_the_setting(setting: Setting[object], field: Field) -> None:
    if isinstance(setting.default, StrEnum):
        assert field.schema["default"] == camel_case(setting.default)  # values in a CRD are in CamelCase
        return
    if "default" in field.schema and field.schema.get("type") != "object":
        expected = list(setting.default) if isinstance(setting.default, tuple) else setting.default
        assert field.schema["default"] == expected
    assert not default_is_written_in(declaration(field))


def camel_case(value: StrEnum) -> str:
    return value.title().replace("-", "")


@pytest.mark.parametrize(
    ("setting", "values"), [(SYNC_EVENTS, SyncEvents), (ON_PAGE_ERROR, OnPageError), (ON_CURSOR_LOST, OnCursorLost)]
)
def test_a_field_has_the_values_of_the_setting(setting: Setting[object], values: EnumType) -> None:
    for field in fields_of(setting):
        assert field.schema["enum"] == [camel_case(value) for value in values]  # type: ignore[var-annotated]


def window(seconds: int) -> Relay:
    spec = {"host": "relay.example.com", "firehose": {"deduplicate": {"window": f"{seconds}s"}}}
    return Relay.parse({"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": spec})


def test_a_window_has_the_limits_of_the_setting() -> None:
    limits = DEDUPLICATE_SECONDS.field_limits
    (described,) = (field for field in FIELDS if field.path == "spec.firehose.deduplicate.window")
    assert f"from {limits.minimum}s to {limits.maximum // 3600}h" in described.schema["description"]
    assert window(limits.minimum).spec.firehose.deduplicate
    assert window(limits.maximum).spec.firehose.deduplicate
    for seconds in (limits.minimum - 1, limits.maximum + 1):
        with pytest.raises(InvalidResourceError, match="give a duration from 1s to 24h"):
            window(seconds)


def test_limits_of_the_field_are_within_those_of_the_variable() -> None:
    for setting in (HIGH_WATER_MARK, BACKFILL_RESCAN_SECONDS):
        assert setting.minimum is not None
        assert setting.minimum <= setting.field_limits.minimum < setting.field_limits.maximum


def test_a_number_without_a_maximum_has_no_limits_for_a_field() -> None:
    setting = Setting(variable="X", field="spec.x", default=1, minimum=0, description="x")
    with pytest.raises(ValueError, match=r"X: declare a minimum and a maximum for spec\.x"):
        _ = setting.field_limits


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("size: Annotated[int, Field(ge=1, le=10_000)] = 500", (["ge=1", "le=10000"], True)),
        ("collections: tuple[str, ...] = ('app.bsky.*',)", ([], True)),
        ("size: Annotated[int, limits_of(BATCH_SIZE)] = BATCH_SIZE.default", ([], False)),
        ("window: Annotated[int | None, Field(gt=0)] = None", (["gt=0"], False)),
    ],
)
def test_literal_limits_and_defaults_in_an_annotation_are_found(line: str, found: tuple[list[str], bool]) -> None:
    (parsed,) = ast.parse(line).body
    assert isinstance(parsed, ast.AnnAssign)
    assert (limits_written_in(parsed), default_is_written_in(parsed)) == found
