"""Decoding the valid parts of a frame that is not valid DAG-CBOR. Pure.

A malformed label must not affect the other labels of its message, and an unused field must not affect its commit. So if
the strict decoder refuses a frame, the frame is split by its structure. The values of its body, and the members of
lists in it, are decoded one by one. Each value that cannot be decoded becomes a `BrokenValue`.
"""

from dataclasses import dataclass
from typing import Any, Final

from sluice_wire import dagcbor
from sluice_wire.dagcbor import CborError

_TEXT: Final = 3
_LIST: Final = 4
_MAP: Final = 5
_TAG: Final = 6
_MAX_OPEN_CONTAINERS: Final = 1 << 16
_SALVAGE_DEPTH: Final = 2


@dataclass(frozen=True, slots=True)
class BrokenValue:
    """The bytes of a value that cannot be decoded, and why."""

    raw: bytes
    error: str

    def __repr__(self) -> str:
        return self.error


def salvage_pair(data: bytes) -> tuple[Any, dict[str, Any]]:
    """Header and body of a frame, with a `BrokenValue` for each value that cannot be decoded.

    CborError if the header is not DAG-CBOR, the body is not a map, or the structure is malformed. Keys that are not
    text are left out.
    """
    dagcbor.check_items(data)
    end = _end_of_item(data, 0)
    header = dagcbor.decode(data[:end])
    body = _decode(data[end:], depth=_SALVAGE_DEPTH)
    if not isinstance(body, dict):
        raise CborError(str(body))
    return header, body


def _decode(data: bytes, *, depth: int) -> Any:
    try:
        return dagcbor.decode(data)
    except CborError as error:
        broken = BrokenValue(data, str(error))
    if depth == 0 or not data or data[0] >> 5 not in (_LIST, _MAP):
        return broken
    parts = _split_items(data)
    if data[0] >> 5 == _LIST:
        return [_decode(part, depth=depth - 1) for part in parts]
    members: dict[str, Any] = {}
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        name = _decode(key, depth=0)
        if type(name) is not str:
            continue
        if name in members:
            return broken  # it is unclear which of the two counts
        members[name] = _decode(value, depth=depth - 1)
    return members


def _split_items(data: bytes) -> list[bytes]:
    """The items of the list or map in `data`, as bytes."""
    count, at = _read_head(data, 0)
    if count is None:
        raise CborError("a length is missing")
    parts = []
    for _ in range(count if data[0] >> 5 == _LIST else 2 * count):
        end = _end_of_item(data, at)
        parts.append(data[at:end])
        at = end
    if at != len(data):
        raise CborError(f"{len(data) - at} bytes follow the last object")
    return parts


def _end_of_item(data: bytes, at: int) -> int:
    """The end of the item that begins at `at`, whatever it contains."""
    left: list[int | None] = [1]  # items to come in each open container; None: until a break
    while left:
        if left[-1] == 0:
            left.pop()
            continue
        if at >= len(data) or len(left) > _MAX_OPEN_CONTAINERS:
            raise CborError("an object has no end")
        if data[at] == 0xFF and left[-1] is None:
            left.pop()
            at += 1
            continue
        if (more := left[-1]) is not None:
            left[-1] = more - 1
        major = data[at] >> 5
        argument, at = _read_head(data, at)
        if argument is None:
            left.append(None)
        elif major in (_TEXT - 1, _TEXT):
            at += argument
        elif major >= _LIST and major <= _TAG:
            left.append({_LIST: argument, _MAP: 2 * argument, _TAG: 1}[major])
    if at > len(data):
        raise CborError("an object has no end")
    return at


def _read_head(data: bytes, at: int) -> tuple[int | None, int]:
    """The number in the head at `at` (None: an indefinite length), and the end of the head."""
    major, info = data[at] >> 5, data[at] & 0x1F
    at += 1
    if info < 24:
        return info, at
    if info < 28:
        width = 1 << (info - 24)
        return int.from_bytes(data[at : at + width]), at + width
    if info == 31 and _TEXT - 1 <= major <= _MAP:
        return None, at
    raise CborError("a head is not CBOR")
