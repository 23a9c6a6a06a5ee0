"""Where a stream starts that has no cursor yet."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from sluice_operator.api.rules import Rule


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


StartFrom = Annotated[
    str,
    BeforeValidator(_text),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 19,
            "x-kubernetes-int-or-string": True,
        }
    ),
    Rule(
        cel="type(self) == int ? self > 0 : self.matches('^(?:oldest|live|[1-9][0-9]{0,18})$')",
        message="give oldest, live, or the first sequence number that is wanted, a whole number above 0",
        holds=lambda value: value in {"oldest", "live"} or (value.isdecimal() and value.isascii() and int(value) > 0),
    ),
]
