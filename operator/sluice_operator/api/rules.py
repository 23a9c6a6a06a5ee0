"""Rules that a JSON schema can't say well: each is checked by the API server, and again on reading.

The API server evaluates `cel` and shows `message`. The operator evaluates `holds` on what it reads, since
an object may be older than the rule. Both stand in one `Rule` next to the field that they guard.
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
    """`text` as a string of CEL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """An annotation of a field: `Annotated[str, Rule(...)]`. The message says what to do."""

    cel: str
    message: str
    holds: Callable[[Any], bool]

    @classmethod
    def matches(cls, pattern: str, *, message: str) -> Self:
        """The value matches `pattern`, of the syntax that RE2 and Python share, from end to end."""
        compiled = re.compile(pattern)
        return cls(
            cel=f"self.matches({cel_string(f'^(?:{pattern})$')})",
            message=message,
            holds=lambda value: compiled.fullmatch(value) is not None,
        )

    @classmethod
    def transition(cls, cel: str, *, message: str) -> Self:
        """A change from `oldSelf` to `self` is allowed. Only the API server knows both."""
        return cls(cel=cel, message=message, holds=lambda _: True)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema)
        # A shared definition must stay as it is: the rule belongs to this field alone.
        validations = [*result.get(VALIDATIONS, ()), {"rule": self.cel, "message": self.message}]
        return {**result, VALIDATIONS: validations}

    def _check(self, value: Any) -> Any:
        if not self.holds(value):
            raise PydanticCustomError("rule", "{rule}", {"rule": self.message})
        return value
