"""Classifying frames as new or repeated, and deciding how far the cursor may move. Pure.

A single seq is not reliable. Servers send a seq that is far too high, swap two seqs, use a seq twice, and repeat
frames. So a repeated frame is recognised by its content (`digest`). The cursor follows only frames that continue the
sequence.

- A frame whose digest is among the last DIGEST_WINDOW is a REPEAT: it is stored already.
- All other frames are stored, in the order of arrival. The cursor moves over seqs without a gap. It moves over a gap
  only if the last CONFIRMING_FRAMES frames are all above the gap, or if the source falls silent. REPEATs alone do not
  move it over a gap, because a source replays all stray frames that it has sent, one after the other.
- So a stray seq far above does not move the cursor. The cursor stays below a missing seq until that frame arrives. If
  the connection ends before, the next one repeats the frames above the cursor, and their digests identify them. If it
  has no new frames, these frames count as if the source were silent.
- A frame below the cursor, by at most MAX_OVERLAP, is late. It is NEW, and the cursor does not move.
- A frame further below is LOW. If the source then continues at the cursor, it was a stray. If CONFIRMING_FRAMES of them
  arrive in a row, the sequence has MOVED_BACK. The caller holds LOW frames until that is known.

The digests belong to the cursor that was stored with them. A cursor without digests was set by hand, or by another
program. Then the seq of the cursor, and up to MAX_OVERLAP seqs below it, count as stored (`undigested_until`). This
ends with the first new frame of the connection. Sources repeat at most that many: a PDS and a plain relay begin after
the cursor. rainbow, which serves the public relays, begins with the cursor's own event.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

MAX_OVERLAP: Final = 10
CONFIRMING_FRAMES: Final = 8
MAX_SILENT_GAP: Final = 1000
"""In seqs. When the source is silent, one frame is enough to move the cursor over a gap of at most this size."""
DIGEST_WINDOW: Final = 512
"""The number of frames whose repeats are recognised."""


class FrameClass(Enum):
    """The class of a frame. See the module."""

    NEW = auto()
    REPEAT = auto()
    LOW = auto()
    MOVED_BACK = auto()


class SequenceTracker:
    """The position of one connection in the sequence. It begins at the cursor `seq`, None if there is none.

    `known_digests` are stored with that cursor. Seqs up to `undigested_until` have none.
    """

    def __init__(
        self, seq: int | None, *, known_digests: Iterable[bytes] = (), undigested_until: int | None = None
    ) -> None:
        self.seq = seq
        self.strays: list[int] = []
        """Seqs far above the cursor that the source did not continue from. The caller empties the list."""
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
        """How many LOW frames have arrived in a row."""
        return self._low_in_a_row

    def classify(self, seq: int, digest: bytes) -> FrameClass:  # noqa: PLR0911 (one return for each kind of frame)
        """The class of the next frame. Moves the cursor."""
        if self.take_next(seq, digest):
            return FrameClass.NEW
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
            # The source continues where it was before it fell silent, so its last frame was a stray.
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

    def take_next(self, seq: int, digest: bytes) -> bool:
        """Whether the frame is NEW and continues a sequence without gaps. Then it is taken, as by `classify`."""
        if (
            self.seq is None
            or seq != self.seq + 1
            or digest in self._known_digests
            or self._has_frames_ahead
            or self._seq_before_silence is not None
        ):
            return False
        self._has_new_frames = True
        self._add_digest(digest)
        self._replays_left = self._low_in_a_row = 0
        self._new_in_a_row += 1
        self._recent_seqs.append(seq)
        self.seq = seq
        return True

    def handle_disconnect(self) -> None:
        """End the connection. If nothing was new, its frames count as in silence.

        Otherwise a source that ends each connection after a few frames would send the same ones for ever.
        """
        if not self._has_new_frames:
            self.handle_silence()

    def handle_silence(self, *, allow_leap: bool = False) -> None:
        """Count the last frames, because the source has fallen silent.

        They do not move the cursor over a gap above MAX_SILENT_GAP. That needs CONFIRMING_FRAMES frames, unless the
        source has announced the gap: `allow_leap`.
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
    """The highest of `seqs` that is reached from `seq` without a gap above MAX_SILENT_GAP."""
    for step in sorted(seqs):
        if seq < step <= seq + MAX_SILENT_GAP:
            seq = step
    return seq
