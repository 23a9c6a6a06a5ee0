"""The modules that pyproject.toml names are compiled in a wheel, and only there."""

import os
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from tests.unit.wire.compiled import IS_COMPILED

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
MODULES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]


def test_the_tests_run_what_they_are_meant_to_run() -> None:
    assert IS_COMPILED is ("compiled" in os.environ.get("PYTHONPATH", ""))


@pytest.mark.parametrize("path", MODULES)
def test_all_modules_are_compiled_or_none(path: str) -> None:
    module = import_module(path.removesuffix(".py").replace("/", "."))
    assert module.__file__
    assert (not module.__file__.endswith(".py")) is IS_COMPILED
