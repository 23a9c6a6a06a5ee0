"""The results of decoding one frame: events of a message, an info message, or an error."""

from dataclasses import dataclass
from typing import Final, Literal

from mypy_extensions import mypyc_attr

from sluice_common.text import sanitize
from sluice_wire.deadletter import DeadLetter

_MAX_NAME: Final = 200
_MAX_MESSAGE: Final = 1000

EventKind = Literal["create", "update", "delete", "account", "identity", "sync", "label"]


@mypyc_attr(acyclic=True)
class DecodedFrame:
    """One message of the source. It is stored completely, in one step, or not at all. Do not change it.

    `seq` is the message's own. None if it could not be read; then the cursor does not move. `time` is the source's time
    of the event, in RFC 3339, UTC, with milliseconds. None if there is no plausible one. `events` are JSON texts in
    UTF-8, in the order of the message. `kinds` has one word for each firehose event, and one for each label. `filtered`
    is the number of operations that the collection filter left out. `resyncs` are JSON texts of repositories that must
    be fetched again, for the backfill's stream. `unknown_type` is the type of a message that Sluice does not know, and
    ignores. `fingerprint` is that of the frame, or None if nobody has computed it. It does not count in a comparison.
    """

    # No dataclass: mypyc makes plain classes much faster to create, and there is one of these for each frame.
    def __init__(
        self,
        *,
        seq: int | None,
        time: str | None = None,
        events: tuple[bytes, ...] = (),
        kinds: tuple[EventKind, ...] = (),
        filtered: int = 0,
        dead_letters: tuple[DeadLetter, ...] = (),
        resyncs: tuple[bytes, ...] = (),
        unknown_type: str | None = None,
        fingerprint: bytes | None = None,
    ) -> None:
        self.seq = seq
        self.time = time
        self.events = events
        self.kinds = kinds
        self.filtered = filtered
        self.dead_letters = dead_letters
        self.resyncs = resyncs
        self.unknown_type = unknown_type
        self.fingerprint = fingerprint

    @property
    def size(self) -> int:
        """Bytes of its events and dead letters."""
        size = 0
        for event in self.events:
            size += len(event)
        for letter in self.dead_letters:
            size += len(letter.payload)
        return size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecodedFrame) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"DecodedFrame{self._values()}"

    def _values(self) -> tuple[object, ...]:
        return (
            self.seq,
            self.time,
            self.events,
            self.kinds,
            self.filtered,
            self.dead_letters,
            self.resyncs,
            self.unknown_type,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoMessage:
    """An info message of the source, such as OutdatedCursor. It has no seq and does not move the cursor."""

    name: str
    message: str | None = None

    def __post_init__(self) -> None:
        """Sanitize the foreign text, which may have any length."""
        object.__setattr__(self, "name", sanitize(self.name, max_length=_MAX_NAME))
        object.__setattr__(self, "message", _sanitized_message(self.message))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFrame:
    """The last message before a source closes the connection, such as FutureCursor or ConsumerTooSlow."""

    error: str
    message: str | None = None

    def __post_init__(self) -> None:
        """Sanitize the foreign text, which may have any length."""
        object.__setattr__(self, "error", sanitize(self.error, max_length=_MAX_NAME))
        object.__setattr__(self, "message", _sanitized_message(self.message))


def _sanitized_message(text: str | None) -> str | None:
    return None if text is None else sanitize(text, max_length=_MAX_MESSAGE)
