"""Frames of the event stream: two CBOR objects, header and body, in one binary message.

A relay gives an event its ``seq`` and ``time`` when it emits it. Both are outside of what is signed. So
a frame is encoded once, with two gaps, and stamping it costs about a microsecond.
Spec: https://atproto.com/specs/event-stream
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

from e2e.relaysim import dagcbor

MAX_SEQ = 2**53 - 1
_U64 = struct.Struct(">BQ")
# Values that mark the gaps while a frame is encoded: no frame contains their bytes by chance.
_SEQ_MARK = 0xF3A1_52C7_9E0B_64D8
_TIME_MARK = "gap for the time".ljust(24, "#")
_ENCODED_SEQ_MARK = dagcbor.encode(_SEQ_MARK)
_ENCODED_TIME_MARK = dagcbor.encode(_TIME_MARK)
_TIME_HEAD = b"\x78\x18"


class Frame(Protocol):
    """What becomes the payload of one WebSocket message when it gets its seq and time."""

    @property
    def text(self) -> bool:
        """Whether it is sent as a text message, which the protocol doesn't allow."""

    def stamp(self, seq: int, time: str) -> bytes:
        """The payload."""


@dataclass(frozen=True, slots=True)
class Template:
    """An encoded frame with a gap for ``seq`` and, where the body has one, a gap for ``time``."""

    head: bytes
    middle: bytes
    tail: bytes | None = None
    text: bool = False

    def stamp(self, seq: int, time: str) -> bytes:
        """The frame with this sequence number and time (RFC 3339, 24 characters)."""
        number = _U64.pack(0x1B, seq) if seq > 0xFFFFFFFF else dagcbor.encode(seq)
        if self.tail is None:
            return b"".join((self.head, number, self.middle))
        return b"".join((self.head, number, self.middle, _TIME_HEAD, time.encode(), self.tail))


def template(kind: str, body: Mapping[str, Any], *, timed: bool = True) -> Template:
    """A message frame of this type, such as ``#commit``. ``body`` has neither ``seq`` nor ``time``.

    ``timed``: whether the body gets a ``time``.
    """
    fields = {**body, "seq": _SEQ_MARK} | ({"time": _TIME_MARK} if timed else {})
    head, rest = dagcbor.encode(fields).split(_ENCODED_SEQ_MARK, 1)
    middle, *tail = rest.split(_ENCODED_TIME_MARK, 1) if timed else (rest,)
    return Template(header(kind) + head, middle, tail[0] if tail else None)


@cache
def header(kind: str | None, op: int = 1) -> bytes:
    """The first of the two objects; an error has op -1 and no type."""
    return dagcbor.encode({"op": op} | ({} if kind is None else {"t": kind}))


def error(name: str, message: str) -> bytes:
    """An error frame. The server closes the stream after it."""
    return header(None, -1) + dagcbor.encode({"error": name, "message": message})


def info(name: str, message: str) -> bytes:
    """An ``#info`` frame, which has no seq."""
    return header("#info") + dagcbor.encode({"name": name, "message": message})


def timestamp() -> str:
    """Now, in RFC 3339 with milliseconds and ``Z``: 24 characters."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass(frozen=True, slots=True)
class Event:
    """A frame, its type (``kind``) and what it says (``facts``), for tests to compare.

    ``facts`` can be encoded as JSON. It has ``did`` and, by kind, ``rev``, ``commit``, ``ops`` (action,
    path, cid), ``active``, ``status``, ``handle`` or ``labels``. ``fault`` names the fault that made it.
    """

    kind: str
    frame: Frame
    facts: Mapping[str, Any] = field(default_factory=dict)
