"""Decoding DAG-CBOR, with limits against malicious input. Pure.

https://ipld.io/specs/codecs/dag-cbor/spec/

- Refused: indefinite lengths, tags other than 42 (links), map keys that are not strings, duplicate keys, and floats
  that are no number. Also more nesting or items than any real record has.
- Accepted: keys out of order, and integers and floats that are not in their shortest form. Their meaning is clear.
"""

import math
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, NoReturn

from cbor2 import CBORDecodeError, CBORDecoder

from sluice_wire.cid import Cid

MAX_DEPTH: Final = 256
"""Containers within containers. orjson stops a little earlier, so that its limit counts. Relays stop at 32."""

MAX_ITEMS: Final = 1 << 18
"""Values in one object. Relays stop at 2^17 in one container."""

_MAX_UNCOUNTED_BYTES: Final = 1 << 16  # so few bytes can't hold enough items to matter
_LINK: Final = 42
_LONG_NUMBERS: Final = (b"\x1b", b"\x3b", b"\xf9", b"\xfa", b"\xfb")  # first bytes of integers and floats
_INT64: Final = range(-(1 << 63), 1 << 63)


class CborError(ValueError):
    """Bytes that are not DAG-CBOR."""


class _Tags(dict[int, Callable[[Any, bool], Any]]):
    """Replaces the decoder's own tags, such as dates, big numbers and references. Only links are allowed."""

    def __missing__(self, tag: int) -> Callable[[Any, bool], NoReturn]:
        def refuse(_value: object, _immutable: bool) -> NoReturn:  # noqa: FBT001
            raise CborError(f"tag {tag} stands here; only 42 (a link) may")

        return refuse


def _link(value: object, _immutable: bool) -> Cid:  # noqa: FBT001
    if type(value) is not bytes or not value.startswith(b"\x00"):
        raise CborError("a link must be a byte string that begins with 0")
    return Cid.parse(value[1:])


_TAGS: Final = _Tags({_LINK: _link})


def decode(data: bytes) -> Any:
    """The one object in `data`, with links as `Cid`.

    CborError if there is none, if there are more, if an integer does not fit into 64 bits with a sign, or if a float is
    infinite or no number.
    """
    (value,) = _decode(data, count=1)
    if any(head in data for head in _LONG_NUMBERS):  # it may also be any other byte of that value
        _check_numbers(value)
    return value


def decode_pair(data: bytes) -> tuple[Any, Any]:
    """The two objects in `data`, one after the other. CborError if there are not exactly two."""
    first, second = _decode(data, count=2)
    return first, second


def _decode(data: bytes, *, count: int) -> list[Any]:
    if len(data) > _MAX_UNCOUNTED_BYTES:
        check_items(data)
    stream = BytesIO(data)
    decoder = CBORDecoder(
        stream,
        semantic_decoders=_TAGS,
        read_size=len(data) or 1,
        max_depth=MAX_DEPTH,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        values = [decoder.decode() for _ in range(count)]
    except CBORDecodeError as error:
        raise CborError(f"not DAG-CBOR: {error.__cause__ or error}") from error
    if (rest := len(data) - stream.tell()) != 0:
        raise CborError(f"{rest} bytes follow the last object")
    return values


def _check_numbers(value: object) -> None:
    stack = [value]
    while stack:
        match stack.pop():
            case dict() as members:
                stack.extend(members.values())
            case list() as items:
                stack.extend(items)
            case int() as number if number not in _INT64:
                raise CborError(f"{number} is no signed integer of 64 bits")
            case float() as number if not math.isfinite(number):
                raise CborError(f"a float must be a number; this is {number}")


def check_items(data: bytes) -> None:
    """Count the items of a large input without building them. CborError if there are too many.

    An empty map is one byte here and 64 bytes in Python. Without this check, a megabyte of them takes all the memory
    of an ingester.
    """
    at = items = 0
    size = len(data)
    while at < size:
        items += 1
        if items > MAX_ITEMS:
            raise CborError(f"more than {MAX_ITEMS} values")
        major, info = data[at] >> 5, data[at] & 0x1F
        at += 1
        if info < 24:
            argument = info
        else:
            width = 1 << (info - 24) if info < 28 else 0
            argument = int.from_bytes(data[at : at + width])
            at += width
        if major in (2, 3):  # byte and text strings: skip their content
            at += argument
