"""The tables of docs/settings.md: the environment variables of the operator."""

from typing import Final

from pydantic.fields import FieldInfo

from generate.blocks import markdown_table, page_with_blocks
from generate.cells import code, one_line
from sluice_operator.settings import Settings


def _operator_settings() -> str:
    rows = (_row(name, field) for name, field in Settings.model_fields.items())
    return markdown_table(("variable", "default", "meaning"), rows)


def _row(name: str, field: FieldInfo) -> tuple[str, str, str]:
    variable = field.validation_alias or f"SLUICE_{name.upper()}"
    return code([variable]), _default(field), one_line(field.description or "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, bool):
        return code([str(field.default).lower()])
    if isinstance(field.default, float):
        return code([f"{field.default:g}"])
    return code([field.default]) if field.default else "none"


PAGE: Final = page_with_blocks("docs/settings.md", operator_settings=_operator_settings)
