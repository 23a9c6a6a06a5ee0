"""The batcher: the buffer between the reader of a source and the writer to Redis.

The reader fills one batch while the writer writes at most one other. The reader waits if its batch is full and the
writer is busy. It also waits if both batches together have the maximum size of one. So the memory is bounded.
"""

import asyncio

from sluice_common.clock import SYSTEM_CLOCK, Clock, wait_until_set
from sluice_ingester.batches.batch import MAX_BATCH_BYTES, Batch
from sluice_wire.events import DecodedFrame


class Batcher:
    """The batch that is being filled. One reader and one writer may use it."""

    def __init__(self, *, max_events: int, max_seconds: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._max_events = max_events
        self._max_seconds = max_seconds
        self._batch = Batch()
        self._writing_bytes = 0
        self._started_at = 0.0
        self._closed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.has_room = True
        """Whether a frame can be added without waiting. Read it only."""

    @property
    def forming(self) -> Batch:
        """The batch that is being filled. Read it only."""
        return self._batch

    @property
    def age(self) -> float:
        """How many seconds the oldest frame has been waiting for the writer."""
        return 0.0 if self._batch.is_empty else self._clock.monotonic() - self._started_at

    async def wait_for_room(self, *, seconds: float) -> bool:
        """Wait until a frame can be added, at most for `seconds`. Returns whether it can."""
        return await wait_until_set(self._room, seconds=seconds, clock=self._clock)

    def add(
        self,
        frame: DecodedFrame,
        *,
        cursor: int | None = None,
        digest: bytes | None = None,
        event_time: str | None = None,
    ) -> None:
        """Add a frame: see Batch.add."""
        batch = self._batch
        if batch.is_empty:
            self._start()
        batch.add(frame, cursor=cursor, digest=digest, event_time=event_time)
        self._update_room()
        if not self.has_room and self._is_full():
            self._changed.set()

    def advance(self, *, cursor: int | None, event_time: str | None = None) -> None:
        """Set the cursor or the event time without a frame: see Batch.advance."""
        if self._batch.is_empty:
            self._start()
        self._batch.advance(cursor=cursor, event_time=event_time)

    def _start(self) -> None:
        self._started_at = self._clock.monotonic()
        self._changed.set()

    def close(self) -> None:
        """No more frames will come. The batch may be taken at once."""
        self._closed = True
        self._changed.set()

    async def take(self) -> Batch | None:
        """The next batch, as soon as it is full or old enough. None if the batcher is closed and empty."""
        while not (self._closed or self._is_full()):
            self._changed.clear()
            if self._batch.is_empty:
                await self._changed.wait()
            elif (remaining := self._max_seconds - self.age) <= 0 or not await wait_until_set(
                self._changed, seconds=remaining, clock=self._clock
            ):
                break
        if self._batch.is_empty:
            return None
        taken, self._batch = self._batch, Batch()
        self._writing_bytes = taken.size
        self._update_room()
        return taken

    def written(self) -> None:
        """The last batch that was taken is written, and its memory is free."""
        self._writing_bytes = 0
        self._update_room()

    def _is_full(self) -> bool:
        return self._batch.is_full(events=self._max_events)

    def _update_room(self) -> None:
        has_room = not self._is_full() and self._batch.size + self._writing_bytes < MAX_BATCH_BYTES
        if has_room is self.has_room:
            return
        self.has_room = has_room
        if has_room:
            self._room.set()
        else:
            self._room.clear()
