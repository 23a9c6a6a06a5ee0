"""What a decoder answers for one frame."""

from dataclasses import dataclass
from typing import Final, Literal

from sluice_common.text import sanitize
from sluice_wire.deadletter import DeadLetter

_MAX_NAME: Final = 200
_MAX_MESSAGE: Final = 1000

EventKind = Literal["create", "update", "delete", "account", "identity", "sync", "label"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedFrame:
    """One message of the source: all of it enters the stream in one step, or none of it.

    `seq` is the message's own, None if it could not be read (the cursor then stays).
    `time` is when the source says it happened, RFC 3339 UTC with milliseconds, or None where it doesn't, or
    names a time before there were such events.
    `events` are JSON texts (UTF-8) in the order of the message, ready to be appended.
    `kinds` counts what stands in them: one word per firehose event, one per label.
    `filtered` is how many operations the collection filter left out.
    `resyncs` are JSON texts of repos that must be fetched again, for the backfill's stream.
    `unknown` names the message's type if Sluice doesn't know it, and so ignores it.
    """

    seq: int | None
    time: str | None = None
    events: tuple[bytes, ...] = ()
    kinds: tuple[EventKind, ...] = ()
    filtered: int = 0
    dead_letters: tuple[DeadLetter, ...] = ()
    resyncs: tuple[bytes, ...] = ()
    unknown: str | None = None

    @property
    def size(self) -> int:
        """Bytes of its events and dead letters."""
        size = sum(map(len, self.events))
        return size + sum(len(letter.payload) for letter in self.dead_letters) if self.dead_letters else size


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoMessage:
    """A notice of the source, such as OutdatedCursor; it has no seq and moves no cursor."""

    name: str
    message: str | None = None

    def __post_init__(self) -> None:
        """These are a stranger's words, of any length."""
        object.__setattr__(self, "name", sanitize(self.name, max_length=_MAX_NAME))
        object.__setattr__(self, "message", _sanitized_message(self.message))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFrame:
    """The source's last word before it closes, such as FutureCursor or ConsumerTooSlow."""

    error: str
    message: str | None = None

    def __post_init__(self) -> None:
        """These are a stranger's words, of any length."""
        object.__setattr__(self, "error", sanitize(self.error, max_length=_MAX_NAME))
        object.__setattr__(self, "message", _sanitized_message(self.message))


def _sanitized_message(text: str | None) -> str | None:
    return None if text is None else sanitize(text, max_length=_MAX_MESSAGE)
