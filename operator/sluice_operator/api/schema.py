"""Converts pydantic's JSON schema to the structural schema of a CRD.

A structural schema has no references, no titles, no `null` alternatives and no `additionalProperties` next to
`properties`. The API server prunes unknown fields, or refuses them if the client asks for strict validation, as kubectl
does. It keeps them only where a model allows them.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

_KEY_ORDER: Final = {"description": 0, "type": 1, "format": 2, "default": 3, "items": 9, "properties": 9}
_DEFAULT_ORDER: Final = 4


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of `model`, with its fields in their order."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}))


def _convert(
    schema: Schema, definitions: Mapping[str, Schema], *, is_item: bool = False, is_status: bool = False
) -> Schema:
    """The structural schema of a part.

    Nothing `is_item` of a list or a map has a default. GitOps tools compare what was applied with what is stored, and
    compare a list as a whole. They would see a list with defaults as changed forever.

    The descriptions name the defaults, except in the status, which no user writes.
    """
    convert = partial(_convert, definitions=definitions, is_status=is_status)
    node = _flatten(schema, definitions)
    result = {key: value for key, value in node.items() if key not in {"title", "$defs"}}
    if "description" in node:
        result["description"] = " ".join(node["description"].split())
        if not is_status:
            result["description"] += _default_sentence(node.get("default"))
    if is_item or node.get("default", ...) is None:
        result.pop("default", None)
    if node.get("type") == "integer":
        result["format"] = "int64"
    if result.pop("additionalProperties", None) is True:
        result["x-kubernetes-preserve-unknown-fields"] = True
    if isinstance(node.get("additionalProperties"), dict):
        result["additionalProperties"] = convert(node["additionalProperties"], is_item=True)
    if "items" in node:
        result["items"] = convert(node["items"], is_item=True)
    if "properties" in node:
        fields = {
            name: convert(field, is_item=is_item, is_status=is_status or name == "status")
            for name, field in node["properties"].items()
        }
        result["properties"] = fields
        if "default" in result:
            # The API server sets the defaults of the fields themselves, so each default has one place.
            result["default"] = {
                name: value for name, value in result["default"].items() if value != fields[name].get("default")
            }
    return dict(sorted(result.items(), key=lambda item: _KEY_ORDER.get(item[0], _DEFAULT_ORDER)))


def _default_sentence(default: object) -> str:
    """The last sentence of the description of a field with this default. Empty if there is no simple default."""
    if default in (None, "") or isinstance(default, dict):
        return ""
    if isinstance(default, list):
        return f" Defaults to {' and '.join(default)}."
    return f" Defaults to {str(default).lower() if isinstance(default, bool) else default}."


def _flatten(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Resolve references and `X or null`. Keys of the field itself win over those of its type."""
    while True:
        alternatives = [option for option in node.get("anyOf", ()) if option != {"type": "null"}]
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        elif len(alternatives) == 1:
            node = {**alternatives[0], **{key: value for key, value in node.items() if key != "anyOf"}}
        else:
            return node
