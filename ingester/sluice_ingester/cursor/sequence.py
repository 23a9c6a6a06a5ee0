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

MAX_OVERLAP: Final = 10
CONFIRMING_FRAMES: Final = 8
MAX_SILENT_GAP: Final = 1000
"""Seqs. In silence one frame is enough for a gap of this size, and for none that is larger."""
DIGEST_WINDOW: Final = 512
"""Frames that are known again."""


class FrameClass(Enum):
    """What a frame is."""

    NEW = auto()
    REPEAT = auto()
    LOW = auto()
    MOVED_BACK = auto()


class SequenceTracker:
    """The way of one connection through the sequence, begun at the cursor `seq`, None if there is none.

    `known` are the digests stored with that cursor; seqs up to `blind` have none.
    """

    def __init__(
        self, seq: int | None, *, known_digests: Iterable[bytes] = (), undigested_until: int | None = None
    ) -> None:
        self.seq = seq
        self.strays: list[int] = []
        """Seqs above the cursor that the source has not come back to; the caller empties it."""
        self._undigested_until = undigested_until
        self._replays_left = 2 * MAX_OVERLAP
        self._digest_order: deque[bytes] = deque(known_digests, DIGEST_WINDOW)
        self._known_digests = set(self._digest_order)
        self._recent_seqs: deque[int] = deque(maxlen=CONFIRMING_FRAMES)
        self._has_frames_ahead = False
        self._new_in_a_row = 0
        self._low_in_a_row = 0
        self._seq_before_silence: int | None = None
        self._seq_after_silence = 0
        self._has_new_frames = False

    @property
    def low_in_a_row(self) -> int:
        """How many LOW frames have come in a row."""
        return self._low_in_a_row

    def classify(self, seq: int, digest: bytes) -> FrameClass:
        """The verdict about the next frame."""
        at = self.seq
        if digest in self._known_digests:
            if at is None or seq >= at - MAX_OVERLAP:
                self._low_in_a_row = 0
            if at is None or seq > at:
                self._advance(seq, is_new=False)
            return FrameClass.REPEAT
        self._has_new_frames = True
        self._add_digest(digest)
        if at is None or seq > at:
            self._replays_left = self._low_in_a_row = 0
            self._advance(seq)
            return FrameClass.NEW
        if self._seq_before_silence is not None and self._seq_before_silence < seq < self._seq_after_silence:
            # The source goes on where it was before it fell silent: what it said last was a stray.
            self.seq, self._seq_before_silence = (
                (self._seq_before_silence if self._seq_before_silence >= 0 else None),
                None,
            )
            self._low_in_a_row = 0
            self._advance(seq)
            return FrameClass.NEW
        if at - seq > MAX_OVERLAP:
            self._low_in_a_row += 1
            return FrameClass.LOW if self._low_in_a_row < CONFIRMING_FRAMES else FrameClass.MOVED_BACK
        self._low_in_a_row = 0
        if self._replays_left and self._undigested_until is not None and seq <= self._undigested_until:
            self._replays_left -= 1
            return FrameClass.REPEAT
        return FrameClass.NEW

    def handle_disconnect(self) -> None:
        """The connection has ended. Where nothing was new, what came counts as in silence: a source that ends each
        connection after a few frames would bring the same ones for ever.
        """
        if not self._has_new_frames:
            self.handle_silence()

    def handle_silence(self, *, allow_leap: bool = False) -> None:
        """The source has fallen silent: what it said last counts, but for a leap of more than FAR.

        Such a one needs CONFIRM frames, unless the source has announced it: `leap`.
        """
        if not self._has_frames_ahead:
            return
        at = self.seq
        above = [seq for seq in self._recent_seqs if seq > (at or 0)]
        target = _chain_end(min(above) if allow_leap or not at else at, above)
        if at is None or target > at:
            self.seq, self._seq_before_silence, self._seq_after_silence = target, -1 if at is None else at, target
            self._has_frames_ahead = max(self._recent_seqs) > target

    def _add_digest(self, digest: bytes) -> None:
        if len(self._digest_order) == DIGEST_WINDOW:
            self._known_digests.discard(self._digest_order[0])
        self._digest_order.append(digest)
        self._known_digests.add(digest)

    def _advance(self, seq: int, *, is_new: bool = True) -> None:
        recent, at = self._recent_seqs, self.seq
        self._new_in_a_row = self._new_in_a_row + 1 if is_new else 0
        if at is not None and seq == at + 1 and not self._has_frames_ahead and self._seq_before_silence is None:
            recent.append(seq)
            self.seq = seq
            return
        if seq in recent:
            return
        left = recent[0] if len(recent) == CONFIRMING_FRAMES else None
        recent.append(seq)
        lowest = min(recent) if is_new and len(recent) == CONFIRMING_FRAMES else -1
        if at is not None and lowest > at + MAX_SILENT_GAP and self._new_in_a_row < CONFIRMING_FRAMES // 2:
            lowest = -1
        if self._seq_before_silence is not None and lowest >= self._seq_after_silence:
            self._seq_before_silence = None
        if at is None and lowest < 0:
            self._has_frames_ahead = True
            return
        at = lowest if at is None else max(at, lowest)
        while at + 1 in recent:
            at += 1
        self.seq = at
        self._has_frames_ahead = max(recent) > at
        if left is not None and left > at:
            self.strays.append(left)


def _chain_end(seq: int, seqs: Iterable[int]) -> int:
    """How far one comes from `seq` over `seqs` without a leap of more than FAR."""
    for step in sorted(seqs):
        if seq < step <= seq + MAX_SILENT_GAP:
            seq = step
    return seq
