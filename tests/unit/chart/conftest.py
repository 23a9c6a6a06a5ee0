"""The chart as rendered by helm."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "sluice"

Manifest = dict[str, Any]


class Rendered(list[Manifest]):
    """The objects of a release."""

    def one(self, kind: str, name: str) -> Manifest:
        found = [item for item in self if item["kind"] == kind and item["metadata"]["name"] == name]
        assert len(found) == 1, (kind, name, self.names())
        return found[0]

    def names(self) -> set[tuple[str, str]]:
        return {(item["kind"], item["metadata"]["name"]) for item in self}


class HelmError(Exception):
    """helm failed; the message is its output."""


@pytest.fixture(scope="session")
def helm() -> Callable[..., str]:
    """Run helm with arguments; HelmError if it fails."""
    built = ROOT / ".cache" / "tools" / "bin" / "helm"
    program = str(built) if built.exists() else shutil.which("helm")
    if program is None:
        pytest.skip("helm is not here: `make prepare` builds it, or install it")

    def run(*arguments: str, values: Manifest | None = None) -> str:
        command = [program, *arguments] + (["--values", "-"] if values else [])
        done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise HelmError(done.stderr + done.stdout)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., str]) -> Callable[..., Rendered]:
    """Render the chart with the values given as keywords."""

    def run(**values: Any) -> Rendered:
        text = helm(
            *("template", "sluice", str(CHART), "--namespace", "sluice-system", "--kube-version", "1.35.0"),
            values=values,
        )
        return Rendered(item for item in yaml.safe_load_all(text) if item)

    return run
