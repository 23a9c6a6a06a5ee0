"""The Argo CD configuration in the documentation: the same scripts and verdicts that the tests use."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.tests.situations.verdicts import Verdict
from sluice_operator.kinds import registry

ARGOCD = Path(__file__).parents[2] / "docs" / "argocd"
SCRIPTS = ARGOCD / "resource_customizations" / "sluice.dev" / "_"
DATA: dict[str, str] = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
GITOPS = (ARGOCD.parent / "gitops.md").read_text()
KINDS = tuple(kind.name for kind in registry.KINDS)


def scripts() -> dict[str, str]:
    return {str(path.relative_to(SCRIPTS)): path.read_text() for path in SCRIPTS.rglob("*.lua")}


@pytest.mark.parametrize("kind", KINDS)
def test_the_config_map_contains_the_tested_scripts(kind: str) -> None:
    actions: dict[str, Any] = yaml.safe_load(DATA[f"resource.customizations.actions.sluice.dev_{kind}"])
    documented = {
        "health.lua": DATA[f"resource.customizations.health.sluice.dev_{kind}"],
        "actions/discovery.lua": actions["discovery.lua"],
        **{f"actions/{action['name']}/action.lua": action["action.lua"] for action in actions["definitions"]},
    }
    assert documented == scripts()


def test_the_config_map_has_exactly_the_kinds() -> None:
    assert len(DATA) == 2 * len(KINDS)
    assert [path.name for path in SCRIPTS.parent.iterdir()] == ["_"], "one directory serves all kinds"


def test_the_documented_verdicts_are_those_that_situations_expect() -> None:
    rows = [line.strip("| \n").split(" |") for line in GITOPS.splitlines() if line.startswith("| ")][1:]
    documented = {cells[0].strip(): tuple(cell.strip() for cell in cells[1:5]) for cells in rows}
    known = {
        verdict.name: (verdict.value.wait, verdict.value.kstatus, verdict.value.argo, verdict.value.ready)
        for verdict in Verdict
        if verdict is not Verdict.GONE
    }
    assert documented == known
