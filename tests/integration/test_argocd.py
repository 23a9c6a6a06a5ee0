"""The scripts for Argo CD in its own engine, by test files of the form that its repository has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.readers import Readers
from e2e.readers.program import SCRIPTS
from sluice_common.times import parse_time

DIRECTORIES = sorted(path for path in (SCRIPTS / "sluice.dev").iterdir())


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def cases(name: str, part: str) -> list[Any]:
    return [
        pytest.param((directory / name).parent, case, id=f"{directory.name}-{number}")
        for directory in DIRECTORIES
        for number, case in enumerate(load(directory / name)[part])
    ]


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers() as started:
        yield started


@pytest.mark.parametrize(("directory", "case"), cases("health_test.yaml", "tests"))
def test_health(readers: Readers, directory: Path, case: dict[str, Any]) -> None:
    _, argo = readers.read(load(directory / case["inputPath"]))
    assert {"status": argo.status, "message": argo.message} == case["healthStatus"]


@pytest.mark.parametrize(("directory", "case"), cases("actions/action_test.yaml", "discoveryTests"))
def test_which_actions_are_offered(readers: Readers, directory: Path, case: dict[str, Any]) -> None:
    offered = readers.actions(load(directory / case["inputPath"]))
    assert offered == {action["name"]: action["disabled"] for action in case["result"]}


@pytest.mark.parametrize(("directory", "case"), cases("actions/action_test.yaml", "actionTests"))
def test_actions_change_nothing_else(readers: Readers, directory: Path, case: dict[str, Any]) -> None:
    changed = readers.act(load(directory / case["inputPath"]), case["action"])
    assert changed == load(directory / case["expectedOutputPath"])


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda directory: directory.name)
def test_reconcile_asks_the_operator_for_a_look(readers: Readers, directory: Path) -> None:
    changed = readers.act(load(directory / "actions/testdata/running.yaml"), "reconcile")
    assert parse_time(changed["metadata"]["annotations"]["sluice.dev/reconcile-requested-at"])


def test_a_resource_on_its_way_out_is_progressing(readers: Readers) -> None:
    body = load(DIRECTORIES[0] / "testdata/streaming.yaml")
    body["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
    kstatus, argo = readers.read(body)
    assert (kstatus.status, argo.status) == ("Terminating", "Progressing")


def test_an_object_of_a_kind_without_a_script_is_an_error(readers: Readers) -> None:
    with pytest.raises(ValueError, match=r"health\.lua"):
        readers.read({"apiVersion": "sluice.dev/v1alpha1", "kind": "Other", "metadata": {"name": "x"}})
