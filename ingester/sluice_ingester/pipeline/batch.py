"""Batches of whole frames: what one append stores. Pure."""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sluice_redis.sink.append import Append, Letter
from sluice_wire.deadletter import DeadLetter
from sluice_wire.events import Decoded

MAX_BYTES = 2 * 1024 * 1024
"""A batch of so many bytes is full, however few its events: what is held must fit into a small pod."""


class Piece(NamedTuple):
    """What was put into a batch at once: see Batch.add and Batch.mark. One is made for each frame, so it is cheap."""

    frame: Decoded | None
    cursor: int | str | None
    digest: bytes | None
    time: str | None


@dataclass(slots=True)
class Batch:
    """Frames of one source, each of them whole, in their order.

    `cursor` is the one that holds once they are stored, None if it stays as it is; frames without events
    move it, too. `time` is how far the events have come, None if they don't tell. `digests` are those by
    which the frames are known again. `kinds` counts the events.
    A page of a listing is a frame, too, and its cursor any text. `pieces` are what it was made of, in order, where
    it was made piece by piece. `goes_on` is true of one that holds the beginning of a frame only: see `portions`.
    """

    events: list[bytes] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    resyncs: list[bytes] = field(default_factory=list)
    cursor: int | str | None = None
    time: str | None = None
    digests: list[bytes] = field(default_factory=list)
    frames: int = 0
    filtered: int = 0
    size: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    pieces: list[Piece] = field(default_factory=list, repr=False)
    goes_on: bool = False
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def add(
        self, frame: Decoded, *, cursor: int | str | None = None, digest: bytes | None = None, time: str | None = None
    ) -> None:
        """Put a frame at the end; `cursor` and `time` hold from there on, and stay where they are None."""
        self.pieces.append(Piece(frame=frame, cursor=cursor, digest=digest, time=time))
        self.events += frame.events
        self.dead += frame.dead
        self.resyncs += frame.resyncs
        self.frames += 1
        self.filtered += frame.filtered
        self.kinds.update(frame.kinds)
        self.size += frame.size
        if digest is not None:
            self.digests.append(digest)
        self._move(cursor=cursor, time=time)

    def mark(self, *, cursor: int | str | None = None, time: str | None = None) -> None:
        """As `add`, but without a frame."""
        self.pieces.append(Piece(frame=None, cursor=cursor, digest=None, time=time))
        self._move(cursor=cursor, time=time)

    def _move(self, *, cursor: int | str | None, time: str | None) -> None:
        if cursor is not None:
            self.cursor = cursor
        if time is not None:
            self.time = time

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.frames and self.cursor is None and self.time is None

    def is_full(self, *, events: int) -> bool:
        """Whether the batch has come to `events` events, or to MAX_BYTES."""
        return len(self.events) >= events or self.size >= MAX_BYTES

    def append(self, *, expected: bytes | None, fields: Mapping[str, str]) -> Append:
        """The call that stores the batch, and `fields` of the health hash, if the cursor is `expected`."""
        return Append(
            name=self.name,
            expected=expected,
            cursor=self.cursor,
            events=self.events,
            letters=[_letter(letter) for letter in self.dead],
            resyncs=self.resyncs,
            time=self.time,
            fields=fields,
        )


def _letter(dead: DeadLetter) -> Letter:
    return Letter(
        seq="" if dead.seq is None else str(dead.seq),
        reason=f"{dead.reason}: {dead.message}",
        detail=dead.detail,
        payload=dead.payload,
    )
