"""A feed: one stream that clients subscribe to, with its sequence, its window, its journal and its pace."""

import asyncio
from collections.abc import Iterator
from itertools import islice

from aiohttp import web

from e2e.relaysim.cursors import CursorRules
from e2e.relaysim.frames import Event, timestamp
from e2e.relaysim.journal import Journal, JournalEntry
from e2e.relaysim.pace import Allowance, Pace
from e2e.relaysim.reader import Reader
from e2e.relaysim.window import Window

_TICK_SECONDS = 0.25
"""The pause between two bursts. To wake up costs more than to send a message."""
_CHUNK = 64
_LEAD = 1024


class Feed:
    """Emits a source's events into its window, from which each reader takes them at its own pace."""

    def __init__(
        self,
        *,
        source: Iterator[Event],
        first_seq: int,
        rules: CursorRules,
        pace: Pace,
        window: int,
        journal: int,
    ) -> None:
        self._source = source
        self._pace = pace
        self._silent_at: float | None = None
        self._changed = asyncio.Event()
        self._next_seq = first_seq
        self.rules = rules
        self.window = Window(size=window, first_seq=first_seq)
        self.journal = Journal(journal)
        self.readers: set[Reader] = set()

    @property
    def next_seq(self) -> int:
        """The seq of the next event."""
        return self._next_seq

    @property
    def pace(self) -> Pace:
        """The pace as it is; ``set_pace`` changes it."""
        return self._pace

    @property
    def expired(self) -> bool:
        """Whether the pace's ``seconds`` have passed."""
        return self._silent_at is not None and asyncio.get_running_loop().time() >= self._silent_at

    def set_pace(self, *, rate: float | None = None, limit: int | None = None, paused: bool | None = None) -> None:
        """Change what is given; the pace's ``seconds`` start again. ``ValueError`` for a negative value."""
        self._pace.change(rate=rate, limit=limit, paused=paused)
        self._start_clock()
        self.changed()

    def changed(self) -> None:
        """Wake up ``run``: something that it waits for may have happened."""
        self._changed.set()

    async def serve(self, reader: Reader) -> web.WebSocketResponse:
        """Serve a client until it leaves or is disconnected."""
        await reader.open()
        self.readers.add(reader)
        self.changed()
        try:
            await reader.run()
        finally:
            self.readers.discard(reader)
            self.changed()
            response = await reader.close()
        return response

    async def run(self) -> None:
        """Emit at the pace that is set, until cancelled."""
        clock = asyncio.get_running_loop().time
        self._start_clock()
        allowance = Allowance(clock())
        while True:
            allowance.grow(clock(), self._pace.rate)
            if self._resting():
                self._changed.clear()
                await self._changed.wait()
                allowance = Allowance(clock())
            elif self._pace.rate == 0:
                await self.emit(min(_CHUNK, self._left()))
            else:
                # One chunk at a time: the pace may change in between, and nothing is emitted after a pause.
                count = min(allowance.whole, self._left(), _CHUNK)
                allowance.spend(count)
                await self.emit(count)
                if not allowance.whole:
                    await asyncio.sleep(_TICK_SECONDS)

    async def emit(self, count: int) -> list[JournalEntry]:
        """Emit this many events now, regardless of the pace, and return their notes."""
        notes: list[JournalEntry] = []
        while len(notes) < count:
            notes += self._append(islice(self._source, min(_CHUNK, count - len(notes))))
            await asyncio.sleep(0)
        return notes

    def emit_event(self, event: Event) -> JournalEntry:
        """Emit an event that doesn't come from the source."""
        (note,) = self._append(iter((event,)))
        return note

    def skip(self, count: int) -> None:
        """Lose events: the source and the sequence move on, but nothing is emitted."""
        for _ in islice(self._source, count):
            self._next_seq += 1

    def go_to(self, seq: int) -> None:
        """Give the next event this seq. ``ValueError`` if it isn't positive.

        A lower seq simulates a relay that lost its state: the window is emptied, and readers don't receive events that
        were not sent yet.
        """
        if seq < 1:
            msg = f"a seq is positive, got {seq}"
            raise ValueError(msg)
        if seq < self._next_seq:
            for reader in self.readers:
                reader.skip_to_end()
            self.window.restart(seq)
        self._next_seq = seq

    def _append(self, events: Iterator[Event]) -> list[JournalEntry]:
        time = timestamp()
        notes = [JournalEntry(seq, time, event) for seq, event in enumerate(events, self._next_seq)]
        self._next_seq += len(notes)
        self.window.extend(notes)
        self.journal.extend(notes)
        for reader in self.readers:
            reader.more.set()
        return notes

    def _left(self) -> int:
        limit = self._pace.limit
        return _CHUNK if limit is None else max(0, limit - self.journal.total)

    def _resting(self) -> bool:
        if self._pace.paused or self._left() == 0 or self.expired:
            return True
        if self._pace.rate > 0:
            return False
        lags = [self.window.end - reader.position for reader in self.readers if not reader.stalled]
        return not lags or max(lags) >= _LEAD

    def _start_clock(self) -> None:
        seconds = self._pace.seconds
        self._silent_at = None if seconds is None else asyncio.get_running_loop().time() + seconds
