"""Reading fields of decoded maps, with a check of their types.

`reason` is the reason of the InputError that a wrong field raises.
"""

import re
from typing import Any, Final, TypeVar

from cbor2 import undefined

from sluice_common.seqs import MAX_SEQ
from sluice_wire.cid import Cid
from sluice_wire.deadletter import DeadLetterReason, InputError

_DID: Final = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_MAX_DID: Final = 2048

Fields = dict[str, Any]
_T = TypeVar("_T")


def get(body: Fields, name: str) -> Any:
    """A value. None if it is absent, null or CBOR's undefined."""
    value = body.get(name)
    return None if value is undefined else value


def seq(body: Fields) -> int:
    """`seq`: positive and below 2^53, as the specification demands. It must be usable as a cursor."""
    value = body.get("seq")
    if type(value) is not int or not 0 < value <= MAX_SEQ:
        raise InputError(
            DeadLetterReason.MESSAGE_INVALID, f"seq: expected an integer from 1 to 2^53 - 1, got {_describe(value)}"
        )
    return value


def seq_or_none(body: Fields) -> int | None:
    """`seq` of a message that is otherwise unknown. None if there is no valid one."""
    try:
        return seq(body)
    except InputError:
        return None


def text(body: Fields, name: str, reason: DeadLetterReason) -> str:
    """A text that must be present and not be empty."""
    value = body.get(name)
    if type(value) is not str or not value:
        raise _invalid_field(name, "a text", value, reason)
    return value


def optional(body: Fields, name: str, kind: type[_T], reason: DeadLetterReason) -> _T | None:
    """A value of exactly this type, or None if it is null or absent."""
    value = get(body, name)
    if value is not None and type(value) is not kind:
        raise _invalid_field(name, f"{kind.__name__} or null", value, reason)
    return value


def did(body: Fields, name: str, reason: DeadLetterReason) -> str:
    """A DID with valid syntax. https://atproto.com/specs/did"""
    value = body.get(name)
    if type(value) is not str or len(value) > _MAX_DID or not _DID.fullmatch(value):
        raise _invalid_field(name, "a DID", value, reason)
    return value


def optional_boolean(body: Fields, name: str, reason: DeadLetterReason) -> bool | None:
    """A boolean, or None if it is null or absent. 1 and 0 count as true and false: some databases have no booleans."""
    value = get(body, name)
    if value is None or type(value) is bool:
        return value
    if type(value) is int and value in (0, 1):
        return bool(value)
    raise _invalid_field(name, "true or false", value, reason)


def boolean(body: Fields, name: str, reason: DeadLetterReason) -> bool:
    """A boolean that must be present."""
    value = body.get(name)
    if type(value) is not bool:
        raise _invalid_field(name, "true or false", value, reason)
    return value


def link(body: Fields, name: str, reason: DeadLetterReason) -> Cid:
    """A link (CBOR tag 42)."""
    value = body.get(name)
    if type(value) is not Cid:
        raise _invalid_field(name, "a link", value, reason)
    return value


def _invalid_field(name: str, expected: str, value: object, reason: DeadLetterReason) -> InputError:
    return InputError(reason, f"{name}: expected {expected}, got {_describe(value)}")


def _describe(value: object) -> str:
    # Containers are not shown: even a few members can be nested to any size and depth.
    if isinstance(value, list | dict) or (isinstance(value, str | bytes) and len(value) > 64):
        return f"{type(value).__name__} of length {len(value)}"
    return repr(value) if value is not None else "nothing"
