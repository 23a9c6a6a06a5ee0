"""The tables of docs/settings.md: the environment variables of ingester and operator."""

from typing import Final

from pydantic.fields import FieldInfo

from generate.blocks import markdown_table, page_with_blocks
from generate.cells import code, one_line
from sluice_operator.settings import Settings
from sluice_redis.ingester_settings import SETTINGS


def _ingester_settings() -> str:
    rows = (
        (
            code([one.variable]),
            one.shown_default,
            "process" if one.of_process else "source",
            _field(one.field),
            one.description,
        )
        for one in SETTINGS
    )
    return markdown_table(("variable", "default", "of", "field", "meaning"), rows)


def _field(path: str) -> str:
    return code([path]) if path.startswith("spec.") else path


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


PAGE: Final = page_with_blocks(
    "docs/settings.md", ingester_settings=_ingester_settings, operator_settings=_operator_settings
)
