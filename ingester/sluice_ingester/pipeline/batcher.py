"""Where the reader of a source and the writer to Redis meet.

One batch forms while at most one other is being written: the reader fills, the writer takes. When
the forming batch is full and the writer still busy, or both batches together are as large as one
may be, the reader waits, so nothing is read from the socket that there is no room for.
"""

import asyncio

from sluice_ingester.pipeline.batch import MAX_BATCH_BYTES, Batch
from sluice_wire.events import DecodedFrame


class Batcher:
    """The batch that is forming. One reader and one writer may use it."""

    def __init__(self, *, max_events: int, max_seconds: float) -> None:
        self._max_events = max_events
        self._max_seconds = max_seconds
        self._batch = Batch()
        self._writing_bytes = 0
        self._started_at = 0.0
        self._closed = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def forming(self) -> Batch:
        """The batch that is forming, to look at."""
        return self._batch

    @property
    def age(self) -> float:
        """For how many seconds frames have been waiting to be taken."""
        return 0.0 if self._batch.is_empty else asyncio.get_running_loop().time() - self._started_at

    @property
    def has_room(self) -> bool:
        """Whether a frame can be added without waiting."""
        return self._room.is_set()

    async def wait_for_room(self) -> None:
        """Wait until a frame can be added."""
        await self._room.wait()

    def add(
        self,
        frame: DecodedFrame,
        *,
        cursor: int | None = None,
        digest: bytes | None = None,
        event_time: str | None = None,
    ) -> None:
        """Add a frame: see Batch.add."""
        if self._batch.is_empty:
            self._start()
        self._batch.add(frame, cursor=cursor, digest=digest, event_time=event_time)
        if self._is_full():
            self._changed.set()
        self._update_room()

    def advance(self, *, cursor: int | None, event_time: str | None = None) -> None:
        """What holds from now on, without a frame: see Batch.mark."""
        if self._batch.is_empty:
            self._start()
        self._batch.advance(cursor=cursor, event_time=event_time)

    def _start(self) -> None:
        self._started_at = asyncio.get_running_loop().time()
        self._changed.set()

    def close(self) -> None:
        """No frame will come any more: what has formed may be taken at once."""
        self._closed = True
        self._changed.set()

    async def take(self) -> Batch | None:
        """The next batch, as soon as it is full or old enough; None when closed and empty."""
        while not (self._closed or self._is_full()):
            remaining = None if self._batch.is_empty else self._max_seconds - self.age
            if remaining is not None and remaining <= 0:
                break
            self._changed.clear()
            try:
                async with asyncio.timeout(remaining):
                    await self._changed.wait()
            except TimeoutError:
                break
        if self._batch.is_empty:
            return None
        taken, self._batch = self._batch, Batch()
        self._writing_bytes = taken.size
        self._update_room()
        return taken

    def written(self) -> None:
        """The batch that was taken last is written, and its memory free."""
        self._writing_bytes = 0
        self._update_room()

    def _is_full(self) -> bool:
        return self._batch.is_full(events=self._max_events)

    def _update_room(self) -> None:
        if self._is_full() or self._batch.size + self._writing_bytes >= MAX_BATCH_BYTES:
            self._room.clear()
        else:
            self._room.set()
