"""Runs the Lua scripts for Argo CD in its own engine, with test files in the form of its repository."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.readers import Readers
from e2e.readers.program import SCRIPTS
from sluice_common.times import parse_time
from sluice_operator.kinds.registry import KINDS

ALL_KINDS = SCRIPTS / "sluice.dev" / "_"
"""The scripts for all kinds. The test objects are of one kind."""


def load(path: Path, kind: str) -> Any:
    """An object of the test files, changed to that kind."""
    return {**yaml.safe_load(path.read_text()), "kind": kind}


def cases(name: str, part: str) -> list[Any]:
    path = ALL_KINDS / name
    return [
        pytest.param(path.parent, kind.name, case, id=f"{kind.name}-{number}")
        for kind in KINDS
        for number, case in enumerate(yaml.safe_load(path.read_text())[part])
    ]


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers() as started:
        yield started


@pytest.mark.parametrize(("directory", "kind", "case"), cases("health_test.yaml", "tests"))
def test_health(readers: Readers, directory: Path, kind: str, case: dict[str, Any]) -> None:
    _, argo = readers.read(load(directory / case["inputPath"], kind))
    assert {"status": argo.status, "message": argo.message} == case["healthStatus"]


@pytest.mark.parametrize(("directory", "kind", "case"), cases("actions/action_test.yaml", "discoveryTests"))
def test_which_actions_are_offered(readers: Readers, directory: Path, kind: str, case: dict[str, Any]) -> None:
    offered = readers.actions(load(directory / case["inputPath"], kind))
    assert offered == {action["name"]: action["disabled"] for action in case["result"]}


@pytest.mark.parametrize(("directory", "kind", "case"), cases("actions/action_test.yaml", "actionTests"))
def test_actions_change_nothing_else(readers: Readers, directory: Path, kind: str, case: dict[str, Any]) -> None:
    changed = readers.act(load(directory / case["inputPath"], kind), case["action"])
    assert changed == load(directory / case["expectedOutputPath"], kind)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_reconcile_requests_a_reconciliation(readers: Readers, kind: str) -> None:
    changed = readers.act(load(ALL_KINDS / "actions/testdata/running.yaml", kind), "reconcile")
    assert parse_time(changed["metadata"]["annotations"]["sluice.dev/reconcile-requested-at"])


def test_a_resource_that_is_being_deleted_is_progressing(readers: Readers) -> None:
    body = load(ALL_KINDS / "testdata/streaming.yaml", "Relay")
    body["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
    kstatus, argo = readers.read(body)
    assert (kstatus.status, argo.status) == ("Terminating", "Progressing")


def test_an_object_of_a_kind_without_a_script_is_an_error(readers: Readers) -> None:
    with pytest.raises(ValueError, match=r"health\.lua"):
        readers.read({"apiVersion": "example.com/v1", "kind": "Other", "metadata": {"name": "x"}})
