"""What Argo CD's users copy is what is tested."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ARGOCD = Path(__file__).parents[2] / "docs" / "argocd"
CUSTOMIZATIONS = ARGOCD / "resource_customizations" / "sluice.dev"
DATA: dict[str, str] = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
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
