"""One stream that clients subscribe to: a source of events, its sequence, its window, its pace."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from e2e.relaysim.frames import Event, timestamp
from e2e.relaysim.journal import Journal, Note
from e2e.relaysim.window import CursorRules, Entry, Window

if TYPE_CHECKING:
    from e2e.relaysim.reader import Reader

_TICK = 0.01
_LONGEST_TICK = 0.25
_CHUNK = 32
_LEAD = 512


@dataclass(slots=True)
class Pace:
    """How fast events come: ``rate`` a second (0: as fast as the slowest reader takes), ``limit`` in all."""

    rate: float = 50.0
    limit: int | None = None
    paused: bool = False


class Feed:
    """Emits events into its window, from which each reader takes them at its own pace."""

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
        self._changed = asyncio.Event()
        self._next_seq = first_seq
        self.rules = rules
        self.window = Window(size=window, first_seq=first_seq)
        self.journal = Journal(journal)
        self.readers: set[Reader] = set()

    @property
    def next_seq(self) -> int:
        """What the next event will be numbered."""
        return self._next_seq

    @property
    def pace(self) -> Pace:
        """The pace as it is; ``set_pace`` changes it."""
        return self._pace

    def set_pace(self, *, rate: float | None = None, limit: int | None = None, paused: bool | None = None) -> None:
        """Change what is given. A limit counts all events since the start."""
        for name, value in (("rate", rate), ("limit", limit)):
            if value is not None and value < 0:
                msg = f"{name} must not be negative, got {value}"
                raise ValueError(msg)
        self._pace.rate = self._pace.rate if rate is None else rate
        self._pace.limit = self._pace.limit if limit is None else limit
        self._pace.paused = self._pace.paused if paused is None else paused
        self.changed()

    def changed(self) -> None:
        """Tell the pump that something it waits for may have happened."""
        self._changed.set()

    async def run(self) -> None:
        """Emit at the pace set, until cancelled."""
        clock = asyncio.get_running_loop().time
        due, before = 0.0, clock()
        while True:
            now = clock()
            due, before = due + (now - before) * self._pace.rate, now
            if self._resting():
                await self._change()
                due, before = 0.0, clock()
            elif self._pace.rate == 0:
                await self.emit(min(_CHUNK, self._left()))
                await asyncio.sleep(0)
            else:
                due = min(due, max(self._pace.rate, 1.0))
                # No more at a time: a pause is looked for in between, and nothing comes after it.
                count = min(int(due), self._left(), _CHUNK)
                due -= count
                await self.emit(count)
                await asyncio.sleep(0 if due >= 1 else min(max((1 - due) / self._pace.rate, _TICK), _LONGEST_TICK))

    async def emit(self, count: int) -> list[Note]:
        """Emit this many events now, whatever the pace, and say what they were."""
        notes: list[Note] = []
        while len(notes) < count:
            time = timestamp()
            chunk = min(_CHUNK, count - len(notes))
            notes += [self._append(next(self._source), time) for _ in range(chunk)]
            self._wake()
            await asyncio.sleep(0)
        return notes

    def inject(self, event: Event) -> Note:
        """Emit an event that isn't the source's next one."""
        note = self._append(event, timestamp())
        self._wake()
        return note

    def skip(self, count: int) -> None:
        """Lose events: the source moves on, and so does the sequence, but nobody is told."""
        for _ in range(count):
            next(self._source)
        self._next_seq += count

    def go_to(self, seq: int) -> None:
        """Number the next event so.

        Going back is a relay that lost its state: the window empties, and what readers weren't sent is lost.
        """
        if seq < 1:
            msg = f"a seq is positive, got {seq}"
            raise ValueError(msg)
        if seq < self._next_seq:
            for reader in self.readers:
                reader.catch_up()
            self.window.restart(seq)
        self._next_seq = seq

    def _append(self, event: Event, time: str) -> Note:
        entry = Entry(self._next_seq, time, event)
        self._next_seq += 1
        self.window.append(entry)
        return self.journal.add(entry)

    def _wake(self) -> None:
        for reader in self.readers:
            reader.more.set()

    def _left(self) -> int:
        limit = self._pace.limit
        return _CHUNK * 1000 if limit is None else max(0, limit - self.journal.total)

    def _resting(self) -> bool:
        if self._pace.paused or self._left() == 0:
            return True
        if self._pace.rate > 0:
            return False
        lags = [self.window.end - reader.position for reader in self.readers if not reader.stalled]
        return not lags or max(lags) >= _LEAD

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
