"""The CustomResourceDefinition of a kind, made from its declaration and its model."""

from typing import Any, Final

import yaml

from sluice_operator.api.base import GROUP, VERSION
from sluice_operator.api.columns import PrinterColumn
from sluice_operator.api.schema import Schema, structural_schema
from sluice_operator.kinds.kind import Kind

_HEADER: Final = "# Generated from the models in operator/sluice_operator/api: `make generate`.\n"


def build_crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["atproto"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _root_schema(kind)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_printer_column(column) for column in kind.columns],
                }
            ],
        },
    }


def render_crd(kind: Kind) -> str:
    """The text of the CRD's file."""
    return _HEADER + yaml.safe_dump(build_crd(kind), sort_keys=False, width=110, allow_unicode=True)


def _root_schema(kind: Kind) -> Schema:
    schema = structural_schema(kind.model)
    fields = schema["properties"]
    # The API server sets this default when it creates the object, before the operator has seen it. So a client that
    # waits for observedGeneration to reach metadata.generation waits from the first moment.
    fields["status"]["default"] = {"observedGeneration": -1}
    return {
        "type": "object",
        "description": schema["description"],
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"API version of this object: {GROUP}/{VERSION}.",
            },
            "kind": {"type": "string", "description": f"Kind of this object: {kind.name}."},
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
