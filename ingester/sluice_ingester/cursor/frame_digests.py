"""The digests of the newest stored frames, as they stand in the health hash. Pure.

They are written in the same step as the frames, and they are valid only for the cursor that stands beside
them: whoever sets another one means that its frames come again. A ring of short fields, so that a batch of
one frame writes one of them.

    frames      FORMAT CURSOR BLIND SLOT: the cursor, the seq up to which there are no digests, and the newest field
    frames0 ... base64 of up to EACH digests, the oldest first
"""

import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from sluice_ingester.cursor.sequence import WINDOW
from sluice_redis.contract import Memory
from sluice_wire.fingerprint import SIZE

EACH: Final = 16
SLOTS: Final = WINDOW // EACH
FIELDS: Final = (Memory.FRAMES.value, *(f"{Memory.FRAMES}{slot}" for slot in range(SLOTS)))
_FORMAT: Final = "1"
_NONE: Final = "-"
_BYTES: Final = EACH * SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The digests that are stored. `blind` is the seq up to which there are none, None if there is no such seq.

    `written` is False where what stands in Redis is not this.
    """

    slots: tuple[bytes, ...] = (b"",) * SLOTS
    newest: int = 0
    blind: int | None = None
    written: bool = False

    @classmethod
    def read(cls, values: Iterable[str], *, cursor: bytes | None, blind: int | None) -> Self:
        """What the FIELDS of a health hash say of `cursor`; if nothing, no digests, and `blind`."""
        header, *texts = values
        try:
            form, of, seq, newest = header.split(" ")
            if form != _FORMAT or of != _cursor(cursor):
                return cls(blind=blind)
            slots = tuple(binascii.a2b_base64(text, strict_mode=True) if text else b"" for text in texts)
            found = cls(slots=slots, newest=int(newest), blind=None if seq == _NONE else int(seq), written=True)
        except ValueError:
            return cls(blind=blind)
        fits = len(slots) == SLOTS and all(len(slot) <= _BYTES and len(slot) % SIZE == 0 for slot in slots)
        return found if fits and 0 <= found.newest < SLOTS else cls(blind=blind)

    @property
    def digests(self) -> list[bytes]:
        """All, the oldest first."""
        ring = (*self.slots[self.newest + 1 :], *self.slots[: self.newest + 1])
        return [slot[at : at + SIZE] for slot in ring for at in range(0, len(slot), SIZE)]

    def add(self, digests: list[bytes], *, cursor: bytes | None) -> tuple[Self, Mapping[str, str]]:
        """With `digests` at the end and beside `cursor`: what then stands, and the fields to write for it."""
        slots, newest = list(self.slots), self.newest
        changed = set() if self.written else set(range(SLOTS))
        more = b"".join(digests[-WINDOW:])
        while more:
            if len(slots[newest]) == _BYTES:
                newest = (newest + 1) % SLOTS
                slots[newest] = b""
            room = _BYTES - len(slots[newest])
            slots[newest] += more[:room]
            more = more[room:]
            changed.add(newest)
        after = type(self)(slots=tuple(slots), newest=newest, blind=self.blind, written=True)
        blind = _NONE if self.blind is None else self.blind
        fields = {
            f"{Memory.FRAMES}{slot}": binascii.b2a_base64(slots[slot], newline=False).decode() for slot in changed
        }
        return after, {Memory.FRAMES: f"{_FORMAT} {_cursor(cursor)} {blind} {newest}", **fields}


def _cursor(cursor: bytes | None) -> str:
    return _NONE if cursor is None else cursor.decode(errors="replace")
