"""The replay window: the last N frames of a relay, in memory, and where a cursor points in it."""

from bisect import bisect_left
from dataclasses import dataclass

from e2e.relaysim import frames
from e2e.relaysim.frames import Event


@dataclass(frozen=True, slots=True)
class Entry:
    """An event at its place in the sequence."""

    seq: int
    time: str
    event: Event

    def message(self) -> bytes:
        """The frame as it goes out."""
        return self.event.frame.stamp(self.seq, self.time)


class Window:
    """Entries of growing seq. Positions count all entries ever appended; those below ``start`` are gone."""

    def __init__(self, *, size: int, first_seq: int) -> None:
        self._size = size
        self._slack = max(size // 4, 64)
        self._entries: list[Entry] = []
        self._base = 0
        self._evicted = 0
        self.newest = self.lost = first_seq - 1

    @property
    def start(self) -> int:
        """Position of the oldest entry."""
        return self._base + self._evicted

    @property
    def end(self) -> int:
        """Position that the next entry will have."""
        return self._base + len(self._entries)

    @property
    def oldest(self) -> int | None:
        """Seq of the oldest entry."""
        return self._entries[self._evicted].seq if self.start < self.end else None

    def append(self, entry: Entry) -> None:
        """Add the newest entry; beyond the window's size the oldest one goes."""
        self._entries.append(entry)
        self.newest = entry.seq
        self.keep(self._size)

    def keep(self, count: int) -> None:
        """Forget all but the newest entries."""
        evicted = max(self._evicted, len(self._entries) - count)
        if evicted > self._evicted:
            self._evicted = evicted
            self.lost = self._entries[evicted - 1].seq
        if evicted > self._slack:
            del self._entries[:evicted]
            self._base += evicted
            self._evicted = 0

    def restart(self, next_seq: int) -> None:
        """Forget everything, as a relay does that lost its disk, and begin a sequence anew."""
        self._base = self.end
        self._entries.clear()
        self._evicted = 0
        self.newest = self.lost = next_seq - 1

    def position(self, seq: int) -> int:
        """Position of the first entry that is left with this seq or a higher one."""
        found = bisect_left(self._entries, seq, lo=self._evicted, key=lambda entry: entry.seq)
        return self._base + found

    def slice(self, position: int, count: int) -> list[Entry]:
        """Up to ``count`` entries from a position that isn't below ``start``."""
        at = position - self._base
        return self._entries[at : at + count]


@dataclass(frozen=True, slots=True)
class CursorRules:
    """How a server reads cursors; servers differ, and clients have to cope.

    ``inclusive``: replay begins with the cursor's own event. ``outdated_info``: a cursor older than the
    window is answered with ``#info OutdatedCursor`` (0 only if ``zero_outdated``), else silently with the
    oldest event. ``future_error``: a cursor beyond the newest event is answered with a ``FutureCursor``
    error, else silently with live events.
    """

    inclusive: bool
    outdated_info: bool
    future_error: bool
    zero_outdated: bool = False


PROFILES = {
    "spec": CursorRules(inclusive=True, outdated_info=True, future_error=True),
    "pds": CursorRules(inclusive=False, outdated_info=True, future_error=True, zero_outdated=True),
    "indigo": CursorRules(inclusive=False, outdated_info=False, future_error=False),
    "rainbow": CursorRules(inclusive=True, outdated_info=False, future_error=False),
    "ozone": CursorRules(inclusive=False, outdated_info=False, future_error=True),
}
"""By server: the specification's letter, the reference PDS, indigo's relay, rainbow, Ozone's labels."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a subscription begins, and the message that comes first; a ``fatal`` one also ends it."""

    position: int
    message: bytes | None = None
    fatal: bool = False


def seek(window: Window, cursor: int | None, rules: CursorRules) -> Start:
    """Apply the rules to a client's cursor."""
    if cursor is None:
        return Start(window.end)
    if cursor > window.newest:
        if rules.future_error:
            return Start(window.end, frames.error("FutureCursor", "Cursor in the future."), fatal=True)
        return Start(window.end)
    message = None
    if cursor < window.lost and rules.outdated_info and (cursor > 0 or rules.zero_outdated):
        text = "Requested cursor exceeded limit. Possibly missing events"
        message = frames.info("OutdatedCursor", text)
    return Start(window.position(cursor if rules.inclusive else cursor + 1), message)
