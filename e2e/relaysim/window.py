"""The replay window: the newest notes of a stream, from which readers are served."""

from bisect import bisect_left
from collections.abc import Sequence

from e2e.relaysim.journal import JournalEntry


class Window:
    """Notes of growing seq. A position counts all notes ever added; those below ``start`` are gone."""

    def __init__(self, *, size: int, first_seq: int) -> None:
        self._size = size
        self._slack = max(size // 4, 64)
        self._notes: list[JournalEntry] = []
        self._base = 0
        self._evicted = 0
        self.newest = self.lost = first_seq - 1

    @property
    def start(self) -> int:
        """Position of the oldest note."""
        return self._base + self._evicted

    @property
    def end(self) -> int:
        """Position that the next note will have."""
        return self._base + len(self._notes)

    @property
    def oldest(self) -> int | None:
        """Seq of the oldest note; None if the window is empty."""
        return self._notes[self._evicted].seq if self.start < self.end else None

    def extend(self, notes: Sequence[JournalEntry]) -> None:
        """Add the newest notes; the oldest ones beyond the size are evicted."""
        if notes:
            self._notes += notes
            self.newest = notes[-1].seq
            self.keep(self._size)

    def keep(self, count: int) -> None:
        """Evict all but the newest ``count`` notes."""
        evicted = max(self._evicted, len(self._notes) - count)
        if evicted > self._evicted:
            self._evicted = evicted
            self.lost = self._notes[evicted - 1].seq
        if evicted > self._slack:
            del self._notes[:evicted]
            self._base += evicted
            self._evicted = 0

    def restart(self, next_seq: int) -> None:
        """Evict everything and begin a new sequence, like a relay that lost its disk."""
        self._base = self.end
        self._notes.clear()
        self._evicted = 0
        self.newest = self.lost = next_seq - 1

    def position(self, seq: int) -> int:
        """Position of the first note in the window with this seq or a higher one."""
        found = bisect_left(self._notes, seq, lo=self._evicted, key=lambda note: note.seq)
        return self._base + found

    def slice(self, position: int, count: int) -> list[JournalEntry]:
        """Up to ``count`` notes from a position that isn't below ``start``."""
        at = position - self._base
        return self._notes[at : at + count]
