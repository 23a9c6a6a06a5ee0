"""The AT Protocol data model as JSON: links as {"$link"}, bytes as {"$bytes"}. Pure.

https://atproto.com/specs/data-model
"""

import base64
import json
from typing import Any, Final

import orjson

from sluice_wire.cid import Cid


def encode_special(value: object) -> dict[str, str]:
    """The JSON form of a link or of bytes. ValueError if `value` is neither."""
    if type(value) is Cid:
        return {"$link": str(value)}
    if type(value) is bytes:
        return {"$bytes": base64.b64encode(value).decode().rstrip("=")}
    raise ValueError(f"JSON has no form for {value!r}"[:200])


_LARGE_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,  # decoded CBOR without references is a tree
    separators=(",", ":"),
    default=encode_special,
)


def _encode_any(value: object) -> object:
    return encode_special(value) if isinstance(value, bytes) else repr(value)


_LENIENT_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, skipkeys=True, separators=(",", ":"), default=_encode_any
)


_MAX_COPIED_BYTES: Final = 16 * 1024
"""A longer result has no more than twice its size."""


def dumps(value: dict[str, Any]) -> bytes:
    """`value` as JSON in UTF-8, without spaces, with keys in their order.

    ValueError for what JSON cannot represent: keys that are not text, CBOR's undefined and simple values. It must not
    contain NaN or infinities, for which JSON has no form: `dagcbor` refuses them.
    """
    try:
        encoded = orjson.dumps(value, encode_special)
        # orjson keeps at least 4 KiB for each result, however short it is. A batch has thousands of them.
        return bytes(memoryview(encoded)) if len(encoded) < _MAX_COPIED_BYTES else encoded
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error.__cause__ or error)) from error


def dumps_large(value: dict[str, Any]) -> bytes:
    """The same as `dumps` for values that may have very many items.

    orjson reserves some hundred bytes for each item of a list. Its output differs in the form of some floats only.
    """
    try:
        return _LARGE_ENCODER.encode(value).encode()
    except TypeError as error:  # a key of bytes
        raise ValueError(str(error)) from error


def dumps_leniently(value: object) -> bytes:
    """`value` as JSON for people. Never fails: what JSON cannot represent is shown as in Python."""
    return _LENIENT_ENCODER.encode(value).encode(errors="backslashreplace")
