"""A batch that Redis does not take as a whole, in smaller ones: what one request may hold is not ours to say. Pure.

First a batch is parted between its frames, each part with the cursor that holds behind it. A frame that is too large by
itself is parted between its events. Then no part but the last moves the cursor, and a crash between two parts would
bring the first of them again. So with each part stands, in the same atomic step, which events of the frame are
stored (`Part`), and whoever resumes from that cursor leaves just these out. One event that is too large alone
becomes a dead letter, which keeps as much of it as Redis takes.
"""

import binascii
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import accumulate, compress
from typing import Final, Self

from sluice_ingester.pipeline.batch import Batch, Piece
from sluice_wire.deadletter import MAX_PAYLOAD, DeadLetter, InputError, Reason
from sluice_wire.events import Decoded

_DIGEST_BYTES: Final = 10
_EACH: Final = 96
"""About how many bytes a request takes for each thing in it beside the thing itself: lengths, a digest, names."""
_REST: Final = 4096
"""And for all the rest, with the digests of frames."""
_LEAST_PAYLOAD: Final = 64

Item = bytes | DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Of a frame that is being stored in parts behind `cursor`, the digests of what is stored already."""

    cursor: bytes | None
    digests: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, text: str, *, cursor: bytes | None) -> Self:
        """What `text`, as `write` made it, says of `cursor`; nothing if it is of another one."""
        of, _, rest = text.rpartition(" ")
        try:
            digests = binascii.a2b_base64(rest, strict_mode=True) if rest and of == _shown(cursor) else b""
        except ValueError:
            digests = b""
        whole = range(0, len(digests) - len(digests) % _DIGEST_BYTES, _DIGEST_BYTES)
        return cls(cursor=cursor, digests=tuple(digests[at : at + _DIGEST_BYTES] for at in whole))

    def write(self) -> str:
        """As it stands in the health hash; empty if nothing is stored in part."""
        if not self.digests:
            return ""
        return f"{_shown(self.cursor)} {binascii.b2a_base64(b''.join(self.digests), newline=False).decode()}"

    def with_(self, batch: Batch) -> Self:
        """With what `batch` stores of the frame."""
        return replace(self, digests=(*self.digests, *map(_digest, _items(batch))))

    def rest_of(self, batch: Batch) -> Batch:
        """`batch` without what is stored already. It is the same batch if nothing is."""
        left = Counter(self.digests)
        if not left:
            return batch

        def is_left(item: Item) -> bool:
            left[_digest(item)] -= 1
            return left[_digest(item)] < 0

        if not batch.pieces:
            rest = Batch()
            _join(rest, batch, [entry for entry in _entries(batch) if is_left(entry[0])])
            return rest
        return _of([piece._replace(frame=piece.frame and _without(piece.frame, is_left)) for piece in batch.pieces])


def _without(frame: Decoded, is_left: Callable[[Item], bool]) -> Decoded:
    kept = [is_left(event) for event in frame.events]
    kinds = frame.kinds
    if len(kinds) == len(kept):
        kinds = tuple(compress(kinds, kept))
    elif not any(kept):
        kinds = ()
    return replace(
        frame,
        events=tuple(compress(frame.events, kept)),
        kinds=kinds,
        dead=tuple(filter(is_left, frame.dead)),
        resyncs=tuple(filter(is_left, frame.resyncs)),
    )


def _of(pieces: Iterable[Piece]) -> Batch:
    batch = Batch()
    for piece in pieces:
        if piece.frame is None:
            batch.mark(cursor=piece.cursor, time=piece.time)
        else:
            batch.add(piece.frame, cursor=piece.cursor, digest=piece.digest, time=piece.time)
    return batch


def size(batch: Batch) -> int:
    """About how many bytes the request takes that stores `batch`."""
    items = _items(batch)
    return _REST + sum(_EACH + _bytes(item) for item in items)


def smaller(batch: Batch, *, words: str = "") -> list[Batch]:
    """Two batches in the place of `batch`, or one that is smaller; none if it can't be made smaller.

    `words` are those of Redis that has refused it: without them an event does not become a dead letter.
    """
    if len(batch.pieces) > 1:
        at = _middle([0 if piece.frame is None else piece.frame.size for piece in batch.pieces])
        return [_of(batch.pieces[:at]), _of(batch.pieces[at:])]
    entries = _entries(batch)
    if len(entries) > 1:
        at = _middle([_bytes(item) for item, _, _ in entries])
        first, last = Batch(goes_on=True), Batch()
        _fill(first, entries[:at])
        _join(last, batch, entries[at:])
        return [first, last]
    if not entries or not words:
        return []
    item, kind, where = entries[0]
    letter = _shorter(item) if isinstance(item, DeadLetter) else _buried(item, words, repeated=where == _RESYNC)
    if letter is None:
        return []
    buried = Batch()
    _join(buried, batch, [(letter, kind, _DEAD)])
    return [buried]


_EVENT, _DEAD, _RESYNC = "event", "dead", "resync"


def _entries(batch: Batch) -> list[tuple[Item, str, str]]:
    """What `batch` holds, one by one: the thing, its kind (empty if it is not counted), and where it goes."""
    kinds: list[str] = [kind for piece in batch.pieces if piece.frame for kind in piece.frame.kinds]
    kinds = kinds or list(batch.kinds.elements())
    if len(kinds) != len(batch.events):  # of labels and of repos there is but one kind
        kinds = [next(iter(batch.kinds), "")] * len(batch.events)
    return [
        *((event, kind, _EVENT) for event, kind in zip(batch.events, kinds, strict=True)),
        *((letter, "", _DEAD) for letter in batch.dead),
        *((repo, "", _RESYNC) for repo in batch.resyncs),
    ]


def _items(batch: Batch) -> list[Item]:
    return [*batch.events, *batch.dead, *batch.resyncs]


def _fill(batch: Batch, entries: Iterable[tuple[Item, str, str]]) -> None:
    for item, kind, where in entries:
        if isinstance(item, DeadLetter):
            batch.dead.append(item)
        elif where == _RESYNC:
            batch.resyncs.append(item)
        else:
            batch.events.append(item)
            batch.kinds[kind] += 1
        batch.size += _bytes(item)


def _join(batch: Batch, frame: Batch, entries: Iterable[tuple[Item, str, str]]) -> None:
    """Put `entries` into `batch`, and all that `frame`, of which they are the last, says of itself."""
    _fill(batch, entries)
    batch.digests += frame.digests
    batch.frames += frame.frames
    batch.filtered += frame.filtered
    batch.goes_on = frame.goes_on
    batch.cursor = batch.cursor if frame.cursor is None else frame.cursor
    batch.time = batch.time if frame.time is None else frame.time


def _middle(sizes: list[int]) -> int:
    """Where to part so that both sides are about of one size; neither is empty."""
    sums = list(accumulate(sizes))
    half = sums[-1] / 2
    return min(range(1, len(sizes)), key=lambda at: abs(sums[at - 1] - half))


def _buried(event: bytes, words: str, *, repeated: bool) -> DeadLetter | None:
    if repeated:
        return None
    try:
        told = json.loads(event)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    first = (told.get("labels") or [{}])[0]
    path = "/".join(str(told[key]) for key in ("did", "collection", "rkey") if key in told)
    seq = told.get("seq")
    return DeadLetter.of(
        InputError(Reason.TOO_LARGE, f"Redis does not take an event of {len(event)} bytes: {words}"),
        payload=event[: min(MAX_PAYLOAD, len(event) // 2)],
        seq=seq if isinstance(seq, int) else None,
        detail=f"at://{path}" if path else str(first.get("uri", "")),
    )


def _shorter(letter: DeadLetter) -> DeadLetter | None:
    if not letter.payload:
        return None
    half = len(letter.payload) // 2
    return replace(letter, payload=letter.payload[: half if half >= _LEAST_PAYLOAD else 0])


def _bytes(item: Item) -> int:
    if isinstance(item, DeadLetter):
        return len(item.payload) + len(item.message) + len(item.detail)
    return len(item)


def _digest(item: Item) -> bytes:
    """Of all but the time: one that the source does not tell is another one at each reading."""
    if isinstance(item, DeadLetter):
        return hashlib.blake2b(f"{item.seq} {item.reason} {item.detail}".encode(), digest_size=_DIGEST_BYTES).digest()
    head, found, rest = item.partition(b',"time":"')
    text = head + rest.partition(b'"')[2] if found and len(head) < _EACH else item
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _shown(cursor: bytes | None) -> str:
    return "-" if cursor is None else cursor.decode(errors="replace")
