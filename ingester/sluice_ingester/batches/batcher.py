"""The batcher: the buffer between the reader of a source and the writer to Redis.

The reader fills one batch while the writer writes at most one other. The reader waits if its batch is full and the
writer is busy. It also waits if both batches together have the maximum size of one, or more than the share of a source
while the budget of the process is used up. So the memory is bounded.
"""

import asyncio

from sluice_common.clock import SYSTEM_CLOCK, Clock, wait_until_set
from sluice_ingester.batches.batch import MAX_BATCH_BYTES, Batch
from sluice_ingester.byte_budget import SHARE_BYTES, ByteBudget
from sluice_wire.events import DecodedFrame

FRAME_OVERHEAD_BYTES = 350
"""What a frame takes in memory besides its events, approximately: objects, a digest, places in lists."""


class Batcher:
    """The batch that is being filled. One reader and one writer may use it. Call `release` at the end.

    `budget` is that of the process.
    """

    def __init__(
        self, *, max_events: int, max_seconds: float, budget: ByteBudget | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._clock = clock
        self._budget = budget or ByteBudget()
        self._beyond_share = 0
        """How many bytes count for the budget."""
        self._max_events = max_events
        self._max_seconds = max_seconds
        self._batch = Batch()
        self._writing_bytes = 0
        self._writing_frames = 0
        self._started_at = 0.0
        self._closed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._has_own_room = True

    @property
    def has_room(self) -> bool:
        """Whether a frame can be added without waiting."""
        return self._has_own_room and (not self._beyond_share or self._budget.has_room)

    @property
    def forming(self) -> Batch:
        """The batch that is being filled. Read it only."""
        return self._batch

    @property
    def age(self) -> float:
        """How many seconds the oldest frame has been waiting for the writer."""
        return 0.0 if self._batch.is_empty else self._clock.monotonic() - self._started_at

    async def wait_for_room(self, *, seconds: float) -> bool:
        """Wait until a frame can be added, at most for `seconds`. Returns whether it can.

        Meanwhile the writer takes the batch at once if the budget is the reason.
        """
        until = self._clock.monotonic() + seconds
        while not self.has_room:
            self._room.clear()
            self._budget.call_when_room(self._room.set)
            self._changed.set()
            left = until - self._clock.monotonic()
            if left <= 0 or not await wait_until_set(self._room, seconds=left, clock=self._clock):
                break
        return self.has_room

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
        if not self._has_own_room and self._is_full():
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
        while not (self._closed or self._is_full() or (self._beyond_share and not self._budget.has_room)):
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
        self._writing_bytes, self._writing_frames = taken.size, taken.frame_count
        self._update_room()
        return taken

    def written(self) -> None:
        """The last batch that was taken is written, and its memory is free."""
        self._writing_bytes = self._writing_frames = 0
        self._update_room()

    def release(self) -> None:
        """Give back what counts for the budget. The batches are no longer used."""
        self._count(0)

    def _is_full(self) -> bool:
        return self._batch.is_full(events=self._max_events)

    def _update_room(self) -> None:
        held = self._batch.size + self._writing_bytes
        self._count(held + FRAME_OVERHEAD_BYTES * (self._batch.frame_count + self._writing_frames))
        has_room = not self._is_full() and held < MAX_BATCH_BYTES
        if has_room is self._has_own_room:
            return
        self._has_own_room = has_room
        if has_room:
            self._room.set()

    def _count(self, held: int) -> None:
        beyond = held - SHARE_BYTES if held > SHARE_BYTES else 0
        if beyond != self._beyond_share:
            self._budget.add(beyond - self._beyond_share)
            self._beyond_share = beyond
