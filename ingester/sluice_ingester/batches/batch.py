"""A batch of whole frames, which one append stores. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from mypy_extensions import mypyc_attr

from sluice_redis.sink.request import AppendRequest, DeadLetterEntry
from sluice_wire.deadletter import DeadLetter
from sluice_wire.events import DecodedFrame

MAX_BATCH_BYTES = 2 * 1024 * 1024
"""A batch with this many bytes is full, however few its events: buffers must fit into a small pod."""


@mypyc_attr(acyclic=True)
class BatchEntry:
    """The arguments of one call of Batch.add or Batch.advance."""

    # No dataclass: mypyc makes plain classes much faster to create, and there is one of these for each frame.
    def __init__(
        self, frame: DecodedFrame | None, cursor: int | str | None, digest: bytes | None, event_time: str | None
    ) -> None:
        self.frame = frame
        self.cursor = cursor
        self.digest = digest
        self.event_time = event_time


@dataclass(slots=True)
class Batch:
    """Whole frames of one source, in their order.

    `cursor` is the cursor to store with them, None if it does not change. Frames without events move it as well.
    `event_time` is the event time to store, None if it does not change. `digests` are the fingerprints of the frames.
    `kinds` counts the events.
    `entries` are the frames with their cursors, if the batch was built frame by frame. A page of a listing is a frame
    as well, and its cursor is any text. `is_partial`: the batch contains only the beginning of a frame.
    """

    events: list[bytes] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    resyncs: list[bytes] = field(default_factory=list)
    cursor: int | str | None = None
    event_time: str | None = None
    digests: list[bytes] = field(default_factory=list)
    frame_count: int = 0
    filtered: int = 0
    size: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    entries: list[BatchEntry] = field(default_factory=list, repr=False)
    is_partial: bool = False
    batch_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def add(
        self,
        frame: DecodedFrame,
        *,
        cursor: int | str | None = None,
        digest: bytes | None = None,
        event_time: str | None = None,
    ) -> None:
        """Append a frame. `cursor` and `event_time` are the new ones, or None if they do not change."""
        self.entries.append(BatchEntry(frame, cursor, digest, event_time))
        self.events += frame.events
        for kind in frame.kinds:
            self.count_kind(kind)
        if frame.dead_letters:
            self.dead_letters += frame.dead_letters
        if frame.resyncs:
            self.resyncs += frame.resyncs
        self.size += frame.size
        self.frame_count += 1
        self.filtered += frame.filtered
        if digest is not None:
            self.digests.append(digest)
        self._set_position(cursor=cursor, event_time=event_time)

    def count_kind(self, kind: str) -> None:
        """Count an event of that kind."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def advance(self, *, cursor: int | str | None = None, event_time: str | None = None) -> None:
        """Set the cursor or the event time without a frame."""
        self.entries.append(BatchEntry(None, cursor, None, event_time))
        self._set_position(cursor=cursor, event_time=event_time)

    def _set_position(self, *, cursor: int | str | None, event_time: str | None) -> None:
        if cursor is not None:
            self.cursor = cursor
        if event_time is not None:
            self.event_time = event_time

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.frame_count and self.cursor is None and self.event_time is None

    def is_full(self, *, events: int) -> bool:
        """Whether the batch has `events` events, or MAX_BATCH_BYTES."""
        return len(self.events) >= events or self.size >= MAX_BATCH_BYTES

    def append_request(self, *, expected_cursor: bytes | None, health_fields: Mapping[str, str]) -> AppendRequest:
        """The request that stores the batch and fields of the health hash, if the stored cursor is the expected one."""
        return AppendRequest(
            batch_id=self.batch_id,
            expected_cursor=expected_cursor,
            cursor=self.cursor,
            events=self.events,
            dead_letters=[_dead_letter_entry(letter) for letter in self.dead_letters],
            resyncs=self.resyncs,
            event_time=self.event_time,
            health_fields=health_fields,
        )


def _dead_letter_entry(dead: DeadLetter) -> DeadLetterEntry:
    return DeadLetterEntry(
        seq="" if dead.seq is None else str(dead.seq),
        reason=f"{dead.reason}: {dead.message}",
        detail=dead.detail,
        payload=dead.payload,
    )
