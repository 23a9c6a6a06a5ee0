"""What Argo CD's users copy is what is tested."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.tests.situations.verdicts import Verdict

ARGOCD = Path(__file__).parents[2] / "docs" / "argocd"
CUSTOMIZATIONS = ARGOCD / "resource_customizations" / "sluice.dev"
DATA: dict[str, str] = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
GITOPS = (ARGOCD.parent / "gitops.md").read_text()
KINDS = ("Relay", "Labeler")


def scripts(kind: str) -> dict[str, str]:
    directory = CUSTOMIZATIONS / kind
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*.lua")}


@pytest.mark.parametrize("kind", KINDS)
def test_the_config_map_repeats_the_scripts(kind: str) -> None:
    actions: dict[str, Any] = yaml.safe_load(DATA[f"resource.customizations.actions.sluice.dev_{kind}"])
    told = {
        "health.lua": DATA[f"resource.customizations.health.sluice.dev_{kind}"],
        "actions/discovery.lua": actions["discovery.lua"],
        **{f"actions/{action['name']}/action.lua": action["action.lua"] for action in actions["definitions"]},
    }
    assert told == scripts(kind)


def test_both_kinds_have_the_same_scripts() -> None:
    assert scripts("Relay") == scripts("Labeler")
    assert len(DATA) == 2 * len(KINDS)


def test_the_documented_words_are_those_that_the_situations_are_held_to() -> None:
    rows = [line.strip("| \n").split(" |") for line in GITOPS.splitlines() if line.startswith("| ")][1:]
    told = {cells[0].strip(): tuple(cell.strip() for cell in cells[1:5]) for cells in rows}
    known = {
        verdict.name: (verdict.value.wait, verdict.value.kstatus, verdict.value.argo, verdict.value.ready)
        for verdict in Verdict
        if verdict is not Verdict.GONE
    }
    assert told == known
