"""The argocd-cm for Argo CD: the scripts of docs/argocd/resource_customizations, once for each kind.

In the repository of Argo CD, one directory named `_` covers all kinds of a group. The keys of a ConfigMap have no
wildcard. Only the value of the key `resource.customizations` can have one, but it would replace the user's own
settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from generate.generated import whole_file
from sluice_operator.api.base import GROUP
from sluice_operator.kinds.registry import KINDS, Kinds

SCRIPTS: Final = Path(__file__).parents[1] / "docs" / "argocd" / "resource_customizations" / GROUP / "_"
"""The scripts for all kinds."""

_HEADER: Final = """\
# Generated from resource_customizations/ and the registry of kinds: `make generate`.
# The health of Sluice's resources in Argo CD, and three actions for its user interface.
# Merge it into the argocd-cm of your Argo CD:
#   kubectl patch configmap argocd-cm --namespace argocd --patch-file argocd-cm.yaml
"""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and lists indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002
        super().increase_indent(flow=flow, indentless=False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def render_config_map(kinds: Kinds, scripts: Path) -> str:
    """The text of the ConfigMap, from the Lua files below `scripts`."""
    health = (scripts / "health.lua").read_text(encoding="utf-8")
    actions = _dump(_actions(scripts / "actions"))
    data = {
        key: value
        for kind in kinds
        for key, value in (
            (f"resource.customizations.health.{GROUP}_{kind.name}", health),
            (f"resource.customizations.actions.{GROUP}_{kind.name}", actions),
        )
    }
    metadata = {"name": "argocd-cm", "namespace": "argocd"}
    return _HEADER + _dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _actions(directory: Path) -> Mapping[str, Any]:
    discovery = (directory / "discovery.lua").read_text(encoding="utf-8")
    scripts = sorted(directory.glob("*/action.lua"))
    definitions = [{"name": path.parent.name, "action.lua": path.read_text(encoding="utf-8")} for path in scripts]
    return {"discovery.lua": discovery, "definitions": definitions}


def _dump(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1000)
    return text


CONFIG_MAP: Final = whole_file("docs/argocd/argocd-cm.yaml", lambda: render_config_map(KINDS, SCRIPTS))
