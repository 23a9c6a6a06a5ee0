"""Validation rules that a JSON schema can't express. The API server checks them, and the operator checks them again.

The API server evaluates `cel` and shows `message`. The operator evaluates `holds` on the objects that it reads, because
an object can be older than the rule. One `Rule` next to the field holds both.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


def cel_string(text: str) -> str:
    """`text` as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule as an annotation of a field: `Annotated[str, Rule(...)]`. The message says what to do."""

    cel: str
    message: str
    holds: Callable[[Any], bool]

    @classmethod
    def matches(cls, pattern: str, *, message: str) -> Self:
        """The whole value must match `pattern`, which uses the syntax that RE2 and Python share."""
        compiled = re.compile(pattern)
        return cls(
            cel=f"self.matches({cel_string(f'^(?:{pattern})$')})",
            message=message,
            holds=lambda value: compiled.fullmatch(value) is not None,
        )

    @classmethod
    def transition(cls, cel: str, *, message: str) -> Self:
        """A change from `oldSelf` to `self` must be allowed by `cel`. Only the API server knows both values."""
        return cls(cel=cel, message=message, holds=lambda _: True)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema)
        # Other fields can share this definition, so it must not change: the rule belongs to this field only.
        validations = [*result.get(VALIDATIONS, ()), {"rule": self.cel, "message": self.message}]
        return {**result, VALIDATIONS: validations}

    def _check(self, value: Any) -> Any:
        if not self.holds(value):
            raise PydanticCustomError("rule", "{rule}", {"rule": self.message})
        return value
