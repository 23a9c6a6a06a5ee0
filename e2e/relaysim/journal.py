"""The journal: the emitted events of a stream, which tests compare with the received ones."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from e2e.relaysim.frames import Event


class JournalEntry(NamedTuple):
    """One emitted event: its place in the sequence, its time (RFC 3339) and the event itself."""

    seq: int
    time: str
    event: Event

    @property
    def kind(self) -> str:
        """The frame's type, such as ``#commit``."""
        return self.event.kind

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the event says; ``frames.Event`` lists the keys."""
        return self.event.facts

    def message(self) -> bytes:
        """The payload of the WebSocket message."""
        return self.event.frame.stamp(self.seq, self.time)

    def json(self) -> dict[str, Any]:
        """Everything but the frame, in one JSON object."""
        return {"seq": self.seq, "time": self.time, "kind": self.kind, **self.facts}


class Journal:
    """The last ``size`` notes, in the order in which their events were emitted."""

    def __init__(self, size: int) -> None:
        self._notes: deque[JournalEntry] = deque(maxlen=size)
        self.total = 0

    def extend(self, notes: Sequence[JournalEntry]) -> None:
        """Add the newest notes; the oldest ones beyond the size are dropped."""
        self._notes.extend(notes)
        self.total += len(notes)

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(self._notes)

    def __len__(self) -> int:
        return len(self._notes)

    @property
    def dropped(self) -> int:
        """How many notes are no longer here."""
        return self.total - len(self._notes)

    def between(self, first: int | None = None, last: int | None = None) -> list[JournalEntry]:
        """Notes with ``first`` <= seq <= ``last``; either may be left open."""
        low = float("-inf") if first is None else first
        high = float("inf") if last is None else last
        return [note for note in self._notes if low <= note.seq <= high]

    def page(self, offset: int, count: int) -> list[JournalEntry]:
        """Up to ``count`` notes. ``offset`` counts all notes since the start, also those that were dropped."""
        skip = max(0, offset - self.dropped)
        return list(islice(self._notes, skip, skip + count))
