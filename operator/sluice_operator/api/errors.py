"""The error of an object that does not fit the API."""

from collections.abc import Sequence

from pydantic_core import ErrorDetails


class InvalidResourceError(ValueError):
    """The object does not fit the API. The text names each field and what to do, for the message of a condition."""

    @classmethod
    def from_validation(cls, errors: Sequence[ErrorDetails]) -> "InvalidResourceError":
        """The error that names all validation `errors`."""
        return cls("; ".join(f"{_field_path(fault['loc'])}: {_error_text(fault)}" for fault in errors))


def _field_path(location: tuple[int | str, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")


def _error_text(fault: ErrorDetails) -> str:
    message = fault["msg"]
    if fault["type"] == "missing" or isinstance(fault["input"], dict | list):
        return message
    return f"{message} (is {fault['input']!r})"
