"""Frames of the event stream: two CBOR objects, header and body, in one binary message.

A relay gives each event its ``seq`` and ``time`` only when it sends it; both stand in the unsigned
envelope. So a frame is kept as a template with two holes, and stamping it costs about a microsecond.
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
_SEQ_PLACE = 0xF3A1_52C7_9E0B_64D8
_TIME_PLACE = "time stands here, always"
_SEQ_BYTES = dagcbor.encode(_SEQ_PLACE)
_TIME_BYTES = dagcbor.encode(_TIME_PLACE)


class Frame(Protocol):
    """Something that becomes one WebSocket message once it has a place in the sequence."""

    @property
    def text(self) -> bool:
        """Whether it goes out as a text message, which the protocol doesn't know."""

    def stamp(self, seq: int, time: str) -> bytes:
        """The message's bytes."""


@dataclass(frozen=True, slots=True)
class Template:
    """An encoded frame around the holes for ``seq`` and, where the body has one, ``time``."""

    head: bytes
    middle: bytes
    tail: bytes | None = None
    text: bool = False

    def stamp(self, seq: int, time: str) -> bytes:
        """The frame with this sequence number and time (RFC 3339, 24 characters)."""
        number = _U64.pack(0x1B, seq) if seq > 0xFFFFFFFF else dagcbor.encode(seq)
        if self.tail is None:
            return b"".join((self.head, number, self.middle))
        return b"".join((self.head, number, self.middle, b"\x78\x18", time.encode(), self.tail))


def template(kind: str, body: Mapping[str, Any], *, timed: bool = True) -> Template:
    """A message frame of this type (``#commit``); ``body`` comes without ``seq`` and ``time``."""
    fields = {**body, "seq": _SEQ_PLACE} | ({"time": _TIME_PLACE} if timed else {})
    head, rest = dagcbor.encode(fields).split(_SEQ_BYTES, 1)
    middle, *tail = rest.split(_TIME_BYTES, 1) if timed else (rest,)
    return Template(header(kind) + head, middle, tail[0] if tail else None)


@cache
def header(kind: str | None, op: int = 1) -> bytes:
    """The first of the two objects."""
    return dagcbor.encode({"op": op} | ({} if kind is None else {"t": kind}))


def error(name: str, message: str) -> bytes:
    """An error frame; the stream ends after it."""
    return header(None, -1) + dagcbor.encode({"error": name, "message": message})


def info(name: str, message: str) -> bytes:
    """An ``#info`` frame, which has no place in the sequence."""
    return header("#info") + dagcbor.encode({"name": name, "message": message})


def timestamp() -> str:
    """Now, in RFC 3339 with milliseconds and ``Z``: 24 characters."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass(frozen=True, slots=True)
class Event:
    """A frame and what it says, in the words that tests compare.

    ``facts`` is JSON: ``did`` and, by kind, ``rev``, ``commit``, ``ops`` (action, path, cid), ``active``,
    ``status``, ``handle`` or ``labels``; of a frame that a fault made, ``fault`` names it.
    """

    kind: str
    frame: Frame
    facts: Mapping[str, Any] = field(default_factory=dict)
