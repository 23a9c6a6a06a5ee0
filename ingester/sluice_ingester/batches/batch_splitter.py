"""Splitting a batch that is too large for one request of Redis. Pure.

1. A batch is split between its frames. Each part has the cursor behind its last frame.
2. A frame that is too large is split between its events. Only the last part moves the cursor. So after a crash between
   two parts, the source sends the whole frame again. Each part therefore stores, in the same atomic step, which events
   of the frame are stored (`StoredPart`). An ingester that resumes from that cursor leaves these events out.
3. An event that is too large becomes a dead letter, which keeps as much of it as Redis accepts.
"""

import binascii
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import accumulate, compress
from typing import Final, Self

from sluice_ingester.batches.batch import Batch, BatchEntry
from sluice_wire.deadletter import MAX_PAYLOAD_BYTES, DeadLetter, DeadLetterReason, InputError
from sluice_wire.events import DecodedFrame

_DIGEST_BYTES: Final = 10
_BYTES_PER_ITEM: Final = 96
"""The approximate overhead of each item in a request: lengths, a digest, names."""
_FIXED_BYTES: Final = 4096
"""The approximate size of all the rest, including the digests of frames."""
_MIN_PAYLOAD_BYTES: Final = 64

Item = bytes | DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """The digests of the stored items of a frame that is being stored in parts. It comes after `cursor`."""

    cursor: bytes | None
    digests: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, text: str, *, cursor: bytes | None) -> Self:
        """Parse what `serialize` returned. No digests if it is for another cursor, or malformed."""
        of, _, rest = text.rpartition(" ")
        try:
            digests = binascii.a2b_base64(rest, strict_mode=True) if rest and of == _cursor_text(cursor) else b""
        except ValueError:
            digests = b""
        whole = range(0, len(digests) - len(digests) % _DIGEST_BYTES, _DIGEST_BYTES)
        return cls(cursor=cursor, digests=tuple(digests[at : at + _DIGEST_BYTES] for at in whole))

    def serialize(self) -> str:
        """The value of the field in the health hash. Empty if nothing is stored in part."""
        if not self.digests:
            return ""
        return f"{_cursor_text(self.cursor)} {binascii.b2a_base64(b''.join(self.digests), newline=False).decode()}"

    def including(self, batch: Batch) -> Self:
        """The same with the items of `batch` in addition."""
        return replace(self, digests=(*self.digests, *map(_item_digest, _items(batch))))

    def remaining(self, batch: Batch) -> Batch:
        """`batch` without the items that are stored already. The same object if none is."""
        left = Counter(self.digests)
        if not left:
            return batch

        def is_left(item: Item) -> bool:
            left[_item_digest(item)] -= 1
            return left[_item_digest(item)] < 0

        if not batch.entries:
            rest = Batch()
            _fill_last(rest, batch, [entry for entry in _labelled_items(batch) if is_left(entry[0])])
            return rest
        return _batch_of(
            [
                BatchEntry(piece.frame and _without(piece.frame, is_left), piece.cursor, piece.digest, piece.event_time)
                for piece in batch.entries
            ]
        )


def _without(frame: DecodedFrame, is_left: Callable[[Item], bool]) -> DecodedFrame:
    kept = [is_left(event) for event in frame.events]
    kinds = frame.kinds
    if len(kinds) == len(kept):
        kinds = tuple(compress(kinds, kept))
    elif not any(kept):
        kinds = ()
    return DecodedFrame(
        seq=frame.seq,
        time=frame.time,
        events=tuple(compress(frame.events, kept)),
        kinds=kinds,
        filtered=frame.filtered,
        dead_letters=tuple(filter(is_left, frame.dead_letters)),
        resyncs=tuple(filter(is_left, frame.resyncs)),
    )


def _batch_of(pieces: Iterable[BatchEntry]) -> Batch:
    batch = Batch()
    for piece in pieces:
        if piece.frame is None:
            batch.advance(cursor=piece.cursor, event_time=piece.event_time)
        else:
            batch.add(piece.frame, cursor=piece.cursor, digest=piece.digest, event_time=piece.event_time)
    return batch


def request_size(batch: Batch) -> int:
    """The approximate number of bytes of the request that stores `batch`."""
    items = len(batch.events) + len(batch.dead_letters) + len(batch.resyncs)
    size = sum(map(len, batch.events)) + sum(map(_size_of, batch.dead_letters)) + sum(map(len, batch.resyncs))
    return _FIXED_BYTES + _BYTES_PER_ITEM * items + size


def split_batch(batch: Batch, *, error_text: str = "") -> list[Batch]:
    """Two batches that replace `batch`, or one that is smaller. None if it cannot be made smaller.

    `error_text` is the message with which Redis has refused it. Without it no event becomes a dead letter.
    """
    if len(batch.entries) > 1:
        at = _split_index([0 if piece.frame is None else piece.frame.size for piece in batch.entries])
        return [_batch_of(batch.entries[:at]), _batch_of(batch.entries[at:])]
    entries = _labelled_items(batch)
    if len(entries) > 1:
        at = _split_index([_size_of(item) for item, _, _ in entries])
        first, last = Batch(is_partial=True), Batch()
        _fill(first, entries[:at])
        _fill_last(last, batch, entries[at:])
        return [first, last]
    if not entries or not error_text:
        return []
    item, kind, where = entries[0]
    letter = (
        _with_shorter_payload(item)
        if isinstance(item, DeadLetter)
        else _dead_letter_for(item, error_text, repeated=where == _RESYNC)
    )
    if letter is None:
        return []
    replacement = Batch()
    _fill_last(replacement, batch, [(letter, kind, _DEAD)])
    return [replacement]


_EVENT, _DEAD, _RESYNC = "event", "dead", "resync"


def _labelled_items(batch: Batch) -> list[tuple[Item, str, str]]:
    """The items of `batch`, each with its kind (empty if it is not counted) and its target."""
    kinds: list[str] = [kind for piece in batch.entries if piece.frame for kind in piece.frame.kinds]
    kinds = kinds or list(Counter(batch.kinds).elements())
    if len(kinds) != len(batch.events):  # labels and repositories have only one kind
        kinds = [next(iter(batch.kinds), "")] * len(batch.events)
    return [
        *((event, kind, _EVENT) for event, kind in zip(batch.events, kinds, strict=True)),
        *((letter, "", _DEAD) for letter in batch.dead_letters),
        *((repo, "", _RESYNC) for repo in batch.resyncs),
    ]


def _items(batch: Batch) -> list[Item]:
    return [*batch.events, *batch.dead_letters, *batch.resyncs]


def _fill(batch: Batch, entries: Iterable[tuple[Item, str, str]]) -> None:
    for item, kind, where in entries:
        if isinstance(item, DeadLetter):
            batch.dead_letters.append(item)
        elif where == _RESYNC:
            batch.resyncs.append(item)
        else:
            batch.events.append(item)
            batch.count_kind(kind)
        batch.size += _size_of(item)


def _fill_last(batch: Batch, frame: Batch, entries: Iterable[tuple[Item, str, str]]) -> None:
    """Put `entries` into `batch`, which are the last ones of `frame`, with the cursor and the counts of `frame`."""
    _fill(batch, entries)
    batch.digests += frame.digests
    batch.frame_count += frame.frame_count
    batch.filtered += frame.filtered
    batch.is_partial = frame.is_partial
    batch.cursor = batch.cursor if frame.cursor is None else frame.cursor
    batch.event_time = batch.event_time if frame.event_time is None else frame.event_time


def _split_index(sizes: list[int]) -> int:
    """The index that splits into two parts of about the same size. Neither is empty."""
    sums = list(accumulate(sizes))
    half = sums[-1] / 2
    return min(range(1, len(sizes)), key=lambda at: abs(sums[at - 1] - half))


def _dead_letter_for(event: bytes, error_text: str, *, repeated: bool) -> DeadLetter | None:
    if repeated:
        return None
    try:
        content = json.loads(event)
    except ValueError:
        content = {}
    content = content if isinstance(content, dict) else {}
    first = (content.get("labels") or [{}])[0]
    path = "/".join(str(content[key]) for key in ("did", "collection", "rkey") if key in content)
    seq = content.get("seq")
    return DeadLetter.from_error(
        InputError(DeadLetterReason.TOO_LARGE, f"Redis does not take an event of {len(event)} bytes: {error_text}"),
        payload=event[: min(MAX_PAYLOAD_BYTES, len(event) // 2)],
        seq=seq if isinstance(seq, int) else None,
        detail=f"at://{path}" if path else str(first.get("uri", "")),
    )


def _with_shorter_payload(letter: DeadLetter) -> DeadLetter | None:
    if not letter.payload:
        return None
    half = len(letter.payload) // 2
    return replace(letter, payload=letter.payload[: half if half >= _MIN_PAYLOAD_BYTES else 0])


def _size_of(item: Item) -> int:
    if isinstance(item, DeadLetter):
        return len(item.payload) + len(item.message) + len(item.detail)
    return len(item)


def _item_digest(item: Item) -> bytes:
    """The digest without `time`: if the source gives none, it is the time of receipt, and differs each time."""
    if isinstance(item, DeadLetter):
        return hashlib.blake2b(f"{item.seq} {item.reason} {item.detail}".encode(), digest_size=_DIGEST_BYTES).digest()
    head, found, rest = item.partition(b',"time":"')
    text = head + rest.partition(b'"')[2] if found and len(head) < _BYTES_PER_ITEM else item
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _cursor_text(cursor: bytes | None) -> str:
    return "-" if cursor is None else cursor.decode(errors="replace")
