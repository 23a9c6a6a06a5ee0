"""Which frames of a source are new, and how far its cursor may go. Pure.

One frame proves nothing about a sequence: servers send a seq far too high, swap neighbours, give two
events one seq, and repeat themselves. So a frame is known again by its content (`digest`), and the
cursor follows those that go on.

- A frame whose digest is among the last WINDOW is a REPEAT: it is stored already.
- Every other frame is stored, in the order of arrival. The cursor goes up over seqs that follow each
  other without a gap; over a gap only when the last CONFIRM frames all stand above it, or when the
  source falls silent behind it (`settle`), and not for REPEATs alone: a source replays all strays that it
  has sent, one after the other. A stray seq far above moves it nowhere, and a neighbour that comes late
  stands above the cursor until it has come. A connection that is cut in between brings the
  frames above the cursor again: their digests are known. If it brings nothing else, they count as in silence (`end`).
- A frame below the cursor, by no more than REACH, is a late one: NEW, and the cursor stays.
- A frame further below is LOW: a stray, if the source then goes on at the cursor; if CONFIRM of them come
  in a row, the sequence MOVED_BACK. The caller keeps LOW frames until that is known.

The digests belong to the cursor that was stored with them. A cursor without them (set by hand, written
by another program) says that what stands at or up to REACH below it is stored: `blind`. It is believed
until the first new frame of a connection. That is how far sources repeat themselves: the PDS and the plain
relay begin after the cursor, rainbow (in front of the public relays) with the cursor's own event.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

REACH: Final = 10
CONFIRM: Final = 8
FAR: Final = 1000
"""Seqs. In silence one frame is enough for a gap of this size, and for none that is larger."""
WINDOW: Final = 512
"""Frames that are known again."""


class Verdict(Enum):
    """What a frame is."""

    NEW = auto()
    REPEAT = auto()
    LOW = auto()
    MOVED_BACK = auto()


class Sequence:
    """The way of one connection through the sequence, begun at the cursor `seq`, None if there is none.

    `known` are the digests stored with that cursor; seqs up to `blind` have none.
    """

    def __init__(self, seq: int | None, *, known: Iterable[bytes] = (), blind: int | None = None) -> None:
        self.seq = seq
        self.strays: list[int] = []
        """Seqs above the cursor that the source has not come back to; the caller empties it."""
        self._blind = blind
        self._trust = 2 * REACH
        self._order: deque[bytes] = deque(known, WINDOW)
        self._known = set(self._order)
        self._recent: deque[int] = deque(maxlen=CONFIRM)
        self._ahead = False
        self._fresh = 0
        self._low = 0
        self._before: int | None = None
        self._settled = 0
        self._has_news = False

    @property
    def low(self) -> int:
        """How many LOW frames have come in a row."""
        return self._low

    def judge(self, seq: int, digest: bytes) -> Verdict:
        """The verdict about the next frame."""
        at = self.seq
        if digest in self._known:
            if at is None or seq >= at - REACH:
                self._low = 0
            if at is None or seq > at:
                self._advance(seq, is_new=False)
            return Verdict.REPEAT
        self._has_news = True
        self._remember(digest)
        if at is None or seq > at:
            self._trust = self._low = 0
            self._advance(seq)
            return Verdict.NEW
        if self._before is not None and self._before < seq < self._settled:
            # The source goes on where it was before it fell silent: what it said last was a stray.
            self.seq, self._before = (self._before if self._before >= 0 else None), None
            self._low = 0
            self._advance(seq)
            return Verdict.NEW
        if at - seq > REACH:
            self._low += 1
            return Verdict.LOW if self._low < CONFIRM else Verdict.MOVED_BACK
        self._low = 0
        if self._trust and self._blind is not None and seq <= self._blind:
            self._trust -= 1
            return Verdict.REPEAT
        return Verdict.NEW

    def end(self) -> None:
        """The connection has ended. Where nothing was new, what came counts as in silence: a source that ends each
        connection after a few frames would bring the same ones for ever.
        """
        if not self._has_news:
            self.settle()

    def settle(self, *, leap: bool = False) -> None:
        """The source has fallen silent: what it said last counts, but for a leap of more than FAR.

        Such a one needs CONFIRM frames, unless the source has announced it: `leap`.
        """
        if not self._ahead:
            return
        at = self.seq
        above = [seq for seq in self._recent if seq > (at or 0)]
        target = _chain(min(above) if leap or not at else at, above)
        if at is None or target > at:
            self.seq, self._before, self._settled = target, -1 if at is None else at, target
            self._ahead = max(self._recent) > target

    def _remember(self, digest: bytes) -> None:
        if len(self._order) == WINDOW:
            self._known.discard(self._order[0])
        self._order.append(digest)
        self._known.add(digest)

    def _advance(self, seq: int, *, is_new: bool = True) -> None:
        recent, at = self._recent, self.seq
        self._fresh = self._fresh + 1 if is_new else 0
        if at is not None and seq == at + 1 and not self._ahead and self._before is None:
            recent.append(seq)
            self.seq = seq
            return
        if seq in recent:
            return
        left = recent[0] if len(recent) == CONFIRM else None
        recent.append(seq)
        lowest = min(recent) if is_new and len(recent) == CONFIRM else -1
        if at is not None and lowest > at + FAR and self._fresh < CONFIRM // 2:
            lowest = -1
        if self._before is not None and lowest >= self._settled:
            self._before = None
        if at is None and lowest < 0:
            self._ahead = True
            return
        at = lowest if at is None else max(at, lowest)
        while at + 1 in recent:
            at += 1
        self.seq = at
        self._ahead = max(recent) > at
        if left is not None and left > at:
            self.strays.append(left)


def _chain(seq: int, seqs: Iterable[int]) -> int:
    """How far one comes from `seq` over `seqs` without a leap of more than FAR."""
    for step in sorted(seqs):
        if seq < step <= seq + FAR:
            seq = step
    return seq
