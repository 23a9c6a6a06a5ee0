"""The CustomResourceDefinitions, made from the models: `python -m sluice_operator.api.crd` writes them.

They stand twice in the repository, for `kubectl apply -f crds/` and in the chart; a test keeps both equal to
what the models give.
"""

from pathlib import Path
from typing import Any, Final

import yaml

from sluice_operator.api.base import GROUP, VERSION
from sluice_operator.api.definition import Definition, PrinterColumn
from sluice_operator.api.labeler import LABELER
from sluice_operator.api.relay import RELAY
from sluice_operator.api.schema import Schema, structural_schema

DEFINITIONS: Final = (RELAY, LABELER)
DIRECTORIES: Final = (Path("crds"), Path("charts/sluice/files/crds"))
"""Where the files stand, from the root of the repository."""

_HEADER: Final = "# Generated from the models in operator/sluice_operator/api: `make generate`.\n"


def build_crd(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind."""
    kind = definition.kind
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.name},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": definition.plural,
                "singular": kind.lower(),
                "shortNames": list(definition.short_names),
                "categories": ["atproto"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root_schema(definition)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_printer_column(column) for column in definition.columns],
                }
            ],
        },
    }


def render(definition: Definition) -> str:
    """The text of the CRD's file."""
    return _HEADER + yaml.safe_dump(build_crd(definition), sort_keys=False, width=110, allow_unicode=True)


def write(root: Path) -> None:
    """Write the CRDs to all their places under `root`, the root of the repository."""
    for directory in DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
        for definition in DEFINITIONS:
            (root / directory / f"{definition.plural}.yaml").write_text(render(definition), encoding="utf-8")


def _root_schema(definition: Definition) -> Schema:
    schema = structural_schema(definition.model)
    fields = schema["properties"]
    # The API server sets this on an object that no operator has seen yet, so that whoever waits for the
    # status to catch up with metadata.generation waits from the first moment.
    fields["status"]["default"] = {"observedGeneration": -1}
    return {
        "type": "object",
        "description": schema["description"],
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"The version of the API that this object is written in: {GROUP}/{VERSION}.",
            },
            "kind": {"type": "string", "description": f"The kind of this object: {definition.kind}."},
            "metadata": {"type": "object"},
            "spec": fields["spec"],
            "status": fields["status"],
        },
    }


def _printer_column(column: PrinterColumn) -> dict[str, Any]:
    result = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    return {**result, "priority": 1} if column.wide else result


if __name__ == "__main__":
    write(Path())
