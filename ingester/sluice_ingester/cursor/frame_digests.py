"""The digests of the newest stored frames, in their form in the health hash. Pure.

They are written in the same step as the frames, and are valid only for the cursor that they name. If somebody sets
another cursor, its frames are stored again. The digests are in a ring of short fields: a batch of one frame writes only
one field.

    frames      FORMAT CURSOR UNDIGESTED SLOT: the cursor, the seq up to which there are no digests, the newest field
    frames0 ... base64 of up to DIGESTS_PER_FIELD digests, the oldest first
"""

import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from sluice_ingester.cursor.sequence import DIGEST_WINDOW
from sluice_redis.contract import ResumeField
from sluice_wire.fingerprint import FINGERPRINT_BYTES

DIGESTS_PER_FIELD: Final = 16
SLOTS: Final = DIGEST_WINDOW // DIGESTS_PER_FIELD
FIELDS: Final = (ResumeField.FRAMES.value, *(f"{ResumeField.FRAMES}{slot}" for slot in range(SLOTS)))
_FORMAT: Final = "3"
"""1 and 2 had other digests. A version that does not know a format reads no digests."""
_NONE: Final = "-"
_FIELD_BYTES: Final = DIGESTS_PER_FIELD * FINGERPRINT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameDigests:
    """The stored digests. Up to the seq `undigested_until` there are none; None if there is no such seq.

    `is_stored` is False if Redis does not contain these digests yet.
    """

    slots: tuple[bytes, ...] = (b"",) * SLOTS
    newest: int = 0
    undigested_until: int | None = None
    is_stored: bool = False

    @classmethod
    def parse(cls, values: Iterable[str], *, cursor: bytes | None, undigested_until: int | None) -> Self:
        """Read the FIELDS of a health hash. Without valid digests for `cursor`: no digests, and `undigested_until`."""
        header, *texts = values
        try:
            form, of, seq, newest = header.split(" ")
            if form != _FORMAT or of != _cursor_text(cursor):
                return cls(undigested_until=undigested_until)
            slots = tuple(binascii.a2b_base64(text, strict_mode=True) if text else b"" for text in texts)
            found = cls(
                slots=slots, newest=int(newest), undigested_until=None if seq == _NONE else int(seq), is_stored=True
            )
        except ValueError:
            return cls(undigested_until=undigested_until)
        fits = len(slots) == SLOTS and all(
            len(slot) <= _FIELD_BYTES and len(slot) % FINGERPRINT_BYTES == 0 for slot in slots
        )
        return found if fits and 0 <= found.newest < SLOTS else cls(undigested_until=undigested_until)

    @property
    def digests(self) -> list[bytes]:
        """All digests, the oldest first."""
        ring = (*self.slots[self.newest + 1 :], *self.slots[: self.newest + 1])
        return [slot[at : at + FINGERPRINT_BYTES] for slot in ring for at in range(0, len(slot), FINGERPRINT_BYTES)]

    def add(self, digests: list[bytes], *, cursor: bytes | None) -> tuple[Self, Mapping[str, str]]:
        """Append `digests`, for `cursor`. The new FrameDigests, and the fields of the health hash to write."""
        slots, newest = list(self.slots), self.newest
        changed = set() if self.is_stored else set(range(SLOTS))
        more = b"".join(digests[-DIGEST_WINDOW:])
        while more:
            if len(slots[newest]) == _FIELD_BYTES:
                newest = (newest + 1) % SLOTS
                slots[newest] = b""
            room = _FIELD_BYTES - len(slots[newest])
            slots[newest] += more[:room]
            more = more[room:]
            changed.add(newest)
        after = type(self)(slots=tuple(slots), newest=newest, undigested_until=self.undigested_until, is_stored=True)
        blind = _NONE if self.undigested_until is None else self.undigested_until
        fields = {
            f"{ResumeField.FRAMES}{slot}": binascii.b2a_base64(slots[slot], newline=False).decode() for slot in changed
        }
        return after, {ResumeField.FRAMES: f"{_FORMAT} {_cursor_text(cursor)} {blind} {newest}", **fields}


def _cursor_text(cursor: bytes | None) -> str:
    return _NONE if cursor is None else cursor.decode(errors="replace")
