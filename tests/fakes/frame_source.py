"""An event stream in memory, and a decoder for its frames."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from sluice_ingester.sources.failure import SourceError, SourceFailure
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage


class FakeFrames:
    """The frames of a connection. `is_paused`: the reader has paused it, and waits for no frame."""

    def __init__(self, frames: AsyncIterator[deque[bytes]]) -> None:
        self._frames = frames
        self.is_paused = False

    async def __anext__(self) -> deque[bytes]:
        self.is_paused = False
        return await anext(self._frames)

    def pause(self) -> None:
        self.is_paused = True


class FakeSource:
    """A source controlled by the test: it sends frames and fails on demand.

    `cursors` are the cursors of all connections so far. `refusals` are raised by the next connections. `frames` are
    those of the newest connection.
    """

    def __init__(self) -> None:
        self.cursors: list[str | None] = []
        self.refusals: list[SourceFailure] = []
        self.is_open = False
        self.frames: FakeFrames
        self._queue: asyncio.Queue[bytes | SourceFailure] = asyncio.Queue()

    def send(self, *seqs: int, time: str | None = "2026-11-24T12:00:00.000Z", text: str = "a", size: int = 0) -> None:
        """Send an event for each seq."""
        for seq in seqs:
            self._put(seq=seq, time=time, text=text + "x" * size)

    def inform(self, name: str) -> None:
        """Send a notice."""
        self._put(info=name)

    def refuse(self, error: str) -> None:
        """Send an error frame."""
        self._put(error=error)

    def fail(self, kind: str = "ConnectionLost", *, min_delay: float = 0.0) -> None:
        """End the connection."""
        self._queue.put_nowait(SourceFailure(kind, "the connection was lost", min_delay))

    @asynccontextmanager
    async def open(self, *, cursor: str | None) -> AsyncIterator[FakeFrames]:
        self.cursors.append(cursor)
        if self.refusals:
            raise SourceError(self.refusals.pop(0))
        self._queue = asyncio.Queue()
        self.is_open = True
        try:
            self.frames = FakeFrames(self._frames())
            yield self.frames
        finally:
            self.is_open = False

    async def _frames(self) -> AsyncIterator[deque[bytes]]:
        arrived: deque[bytes] = deque()
        while True:
            item = await self._queue.get()
            if isinstance(item, bytes):
                arrived.append(item)
            if arrived and (self._queue.empty() or not isinstance(item, bytes)):
                yield arrived
                arrived = deque()
            if isinstance(item, SourceFailure):
                raise SourceError(item)

    def _put(self, **message: object) -> None:
        self._queue.put_nowait(json.dumps(message).encode())


class FakeDecoder:
    """Decodes what FakeSource sends."""

    def decode(self, data: bytes, *, received: datetime) -> DecodedFrame | InfoMessage | ErrorFrame:
        message = json.loads(data)
        if "info" in message:
            return InfoMessage(name=message["info"])
        if "error" in message:
            return ErrorFrame(error=message["error"])
        return DecodedFrame(seq=message["seq"], time=message["time"], events=(data,), kinds=("create",))
