"""The documentation names every condition, reason, Event, setting and dependency of the code."""

import ast
import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain

import pytest

from e2e.tests.situations.catalog import SITUATIONS
from generate.docstrings import member_paragraphs
from generate.files import ROOT
from sluice_ingester.settings import Settings as IngesterSettings
from sluice_ingester.telemetry.error_kinds import SOURCE_KINDS
from sluice_operator.api.conditions import ConditionType
from sluice_operator.settings import Settings as OperatorSettings
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.event_reasons import EventReason, EventType
from sluice_operator.status.events import event_of
from sluice_redis.sink.errors import SinkReason

STATUS = (ROOT / "docs" / "status.md").read_text()
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()


class Undocumented(StrEnum):
    """An enum with one member that has no docstring."""

    ONE = "One"
    """It is
    one.

    Nothing.
    """
    TWO = "Two"


def test_a_member_without_a_docstring_is_named() -> None:
    with pytest.raises(ValueError, match="Undocumented: write a docstring below TWO"):
        member_paragraphs(Undocumented)


def test_each_paragraph_of_a_docstring_is_one_line() -> None:
    assert member_paragraphs(ConditionReason)["INVALID_SPEC"] == [
        "The spec asks for something impossible.",
        "Correct the field that the message names.",
    ]


@pytest.mark.parametrize("word", [*ConditionReason, *ConditionType])
def test_every_condition_and_reason_is_documented(word: str) -> None:
    assert f"`{word}`" in STATUS


@pytest.mark.parametrize("word", sorted({*SOURCE_KINDS, *SinkReason}))
def test_every_reason_of_an_ingester_is_documented(word: str) -> None:
    assert f"\n| `{word}` | " in STATUS.partition("<!-- generated: ingester_reasons -->")[2].partition("<!-- /")[0]


@pytest.mark.parametrize("word", [*EventReason])
def test_every_event_is_documented(word: str) -> None:
    assert f"\n| `{word}` | " in STATUS.partition("\n## Events\n")[2].partition("\n## ")[0]


def _calls(function: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call of that function in the operator, with the module that makes it."""
    for file in (ROOT / "operator").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                yield file.stem, node


def test_events_have_the_documented_type() -> None:
    assert [module for module, _ in _calls("Event")] == ["events"]
    made = [call for _, call in _calls("event_of")]
    assert len(made) > 5
    of_another_type = [ast.unparse(call.args[0]) for call in made if call.keywords]
    assert of_another_type == ["EventReason.CURSOR_NOT_DELETED"]
    assert event_of(EventReason.STALLED, "").type == "Warning"
    assert event_of(EventReason.READY, "").type == "Normal"
    assert event_of(EventReason.STALLED, "", type=EventType.NORMAL).type == "Normal"


@pytest.mark.parametrize("field", IngesterSettings.model_fields.values(), ids=IngesterSettings.model_fields.keys())
def test_every_setting_of_the_ingester_is_documented(field: object) -> None:
    assert f"`{field.validation_alias}`" in SETTINGS


@pytest.mark.parametrize("name", OperatorSettings.model_fields)
def test_every_setting_of_the_operator_is_documented(name: str) -> None:
    alias = OperatorSettings.model_fields[name].validation_alias
    assert f"`{alias or f'SLUICE_{name.upper()}'}`" in SETTINGS


def test_the_readme_explains_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *chain.from_iterable(project["dependency-groups"].values())]
    names = {re.split(r"[^\w-]", one)[0] for one in wanted if isinstance(one, str)} - {
        "types-pyyaml",
        "types-setuptools",
    }
    table = "\n".join(re.findall(r"^\| ([^|]+) \|", README, flags=re.MULTILINE))
    assert {name for name in names if not re.search(rf"(^|[ ,]){name}\b", table, flags=re.MULTILINE)} == set()


def test_the_readme_has_the_number_of_situations() -> None:
    assert f" {len(SITUATIONS)} situations on a real cluster" in README
