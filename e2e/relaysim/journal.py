"""What a relay has emitted, in words, for tests to compare with what arrived."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from e2e.relaysim.window import Entry


@dataclass(frozen=True, slots=True)
class Note:
    """One emitted event. ``facts`` are those of ``frames.Event``."""

    seq: int
    time: str
    kind: str
    facts: Any

    def json(self) -> dict[str, Any]:
        """All of it in one JSON object."""
        return {"seq": self.seq, "time": self.time, "kind": self.kind, **self.facts}


class Journal:
    """The last ``size`` notes, in the order in which their events entered the window."""

    def __init__(self, size: int) -> None:
        self._notes: deque[Note] = deque(maxlen=size)
        self.total = 0

    def add(self, entry: Entry) -> Note:
        """Note an event down."""
        note = Note(entry.seq, entry.time, entry.event.kind, entry.event.facts)
        self._notes.append(note)
        self.total += 1
        return note

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes)

    def __len__(self) -> int:
        return len(self._notes)

    @property
    def dropped(self) -> int:
        """How many notes are forgotten."""
        return self.total - len(self._notes)

    def between(self, first: int | None = None, last: int | None = None) -> list[Note]:
        """Notes with ``first`` <= seq <= ``last``; either may be left open."""
        low = float("-inf") if first is None else first
        high = float("inf") if last is None else last
        return [note for note in self._notes if low <= note.seq <= high]

    def page(self, offset: int, count: int) -> list[Note]:
        """Notes by their number since the start, forgotten ones included in the count."""
        skip = max(0, offset - self.dropped)
        return list(islice(self._notes, skip, skip + count))
