"""The batch splitter: all parts together are the batch, stored once and in order, even after a kill."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ingester.batches import batch_splitter
from sluice_ingester.batches.batch import Batch
from sluice_ingester.batches.batch_splitter import StoredPart
from sluice_wire.deadletter import DeadLetter, DeadLetterReason
from sluice_wire.events import DecodedFrame

WORDS = "max request size exceeded"


def _event(seq: int, number: int, size: int) -> bytes:
    event = {"type": "create", "seq": seq, "time": "T", "did": "did:plc:a", "collection": "c", "rkey": str(number)}
    return json.dumps({**event, "record": "x" * size}, separators=(",", ":")).encode()


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    batch = Batch()
    for seq in range(1, 1 + draw(st.integers(1, 6))):
        sizes = draw(st.lists(st.integers(0, 3000), max_size=5))
        letters = draw(st.lists(st.integers(0, 3000), max_size=2))
        frame = DecodedFrame(
            seq=seq,
            events=tuple(_event(seq, number, size) for number, size in enumerate(sizes)),
            kinds=("create",) * len(sizes),
            filtered=draw(st.integers(0, 3)),
            dead_letters=tuple(
                DeadLetter(
                    reason=DeadLetterReason.OP_INVALID, message="m", detail=str(number), payload=b"p" * size, seq=seq
                )
                for number, size in enumerate(letters)
            ),
            resyncs=(b"repo%d" % seq,) if draw(st.booleans()) else (),
        )
        cursor = draw(st.sampled_from([seq, None]))
        batch.add(frame, cursor=cursor, digest=b"d%d" % seq, event_time=f"T{seq}" if cursor else None)
        if draw(st.booleans()):
            batch.advance(cursor=seq, event_time=f"T{seq}")
    return batch


def split_fully(batch: Batch, *, limit: int, error_text: str = "") -> list[Batch]:
    waiting, done = [batch], []
    while waiting:
        one = waiting.pop(0)
        parts = (
            batch_splitter.split_batch(one, error_text=error_text) if batch_splitter.request_size(one) > limit else []
        )
        if parts:
            waiting = parts + waiting
        else:
            done.append(one)
    return done


@given(batches(), st.integers(4096, 20_000))
def test_the_parts_together_are_the_batch(batch: Batch, limit: int) -> None:
    parts = split_fully(batch, limit=limit)
    assert [event for part in parts for event in part.events] == batch.events
    assert [letter for part in parts for letter in part.dead_letters] == batch.dead_letters
    assert [repo for part in parts for repo in part.resyncs] == batch.resyncs
    assert [digest for part in parts for digest in part.digests] == batch.digests
    assert sum((Counter(part.kinds) for part in parts), Counter()) == batch.kinds
    assert sum(part.filtered for part in parts) == batch.filtered
    assert sum(part.frame_count for part in parts) == batch.frame_count
    assert [part.cursor for part in parts if part.cursor is not None][-1:] == (
        [] if batch.cursor is None else [batch.cursor]
    )
    assert not parts[-1].is_partial
    assert len({part.batch_id for part in parts}) == len(parts)
    for part in parts:
        assert part.cursor is None or not part.is_partial
        assert (
            batch_splitter.request_size(part) <= limit
            or len(part.events) + len(part.dead_letters) + len(part.resyncs) <= 1
        )


@given(batches(), st.integers(4096, 12_000), st.data())
def test_a_batch_killed_after_any_part_is_completed_without_repeats(
    batch: Batch, limit: int, data: st.DataObject
) -> None:
    """The source replays all frames behind the cursor. Frames that are stored whole are skipped."""
    stored: list[bytes] = []
    part, known, cursor = StoredPart(cursor=None), set[bytes](), None
    parts = split_fully(batch, limit=limit)
    for one in parts[: data.draw(st.integers(0, len(parts)))]:
        stored += one.events + one.resyncs
        known |= set(one.digests)
        cursor = cursor if one.cursor is None else str(one.cursor).encode()
        part = part.including(one) if one.is_partial else StoredPart(cursor=cursor)
    again = Batch()
    for piece in batch.entries:
        if piece.frame is not None and piece.digest not in known:
            again.add(piece.frame, cursor=piece.cursor, digest=piece.digest, event_time=piece.event_time)
    rest = StoredPart.parse(part.serialize(), cursor=cursor).remaining(again)
    for one in split_fully(rest, limit=limit - 50):
        stored += one.events + one.resyncs
    assert Counter(stored) == Counter(batch.events + batch.resyncs)
    assert [event for event in stored if event in set(batch.events)] == batch.events


def test_a_stored_part_of_another_cursor_is_ignored() -> None:
    batch = Batch(is_partial=True, events=[b"{}"])
    part = StoredPart(cursor=b"7").including(batch)
    assert StoredPart.parse(part.serialize(), cursor=b"7") == part
    for other in (b"8", None):
        assert StoredPart.parse(part.serialize(), cursor=other).digests == ()
    for text in ("", "7", "7 x", "nonsense"):
        assert StoredPart.parse(text, cursor=b"7").digests == ()


def test_an_event_with_other_content_remains_to_be_stored() -> None:
    one, other = _event(7, 0, 10), _event(7, 0, 11)
    part = StoredPart(cursor=None).including(Batch(is_partial=True, events=[one]))
    frame = DecodedFrame(seq=7, events=(other, one, one), kinds=("create",) * 3)
    batch = Batch()
    batch.add(frame, cursor=7)
    assert part.remaining(batch).events == [other, one]


def test_an_event_that_differs_in_its_time_alone_is_stored_already() -> None:
    one = b'{"type":"create","seq":7,"time":"2026-01-01T00:00:00.000Z","did":"d"}'
    part = StoredPart(cursor=None).including(Batch(is_partial=True, events=[one]))
    again = Batch(events=[one.replace(b"2026", b"2027")], cursor=7)
    assert part.remaining(again).events == []


@pytest.mark.parametrize("size", [1000, 200_000])
def test_an_event_that_is_too_large_becomes_a_dead_letter_with_its_uri(size: int) -> None:
    batch = Batch()
    event = _event(7, 3, size)
    batch.add(
        DecodedFrame(seq=7, events=(event,), kinds=("create",), filtered=1), cursor=7, digest=b"d", event_time="T"
    )
    assert batch_splitter.split_batch(batch) == []  # without an error of Redis no event is dropped
    (rest,) = batch_splitter.split_batch(batch, error_text=WORDS)
    (letter,) = rest.dead_letters
    assert (letter.reason, letter.seq, letter.detail) == (DeadLetterReason.TOO_LARGE, 7, "at://did:plc:a/c/3")
    assert WORDS in letter.message
    assert event.startswith(letter.payload)
    assert (rest.events, rest.kinds, rest.cursor, rest.digests) == ([], {}, 7, [b"d"])
    assert (rest.filtered, rest.event_time) == (1, "T")
    while letter.payload:
        (rest,) = batch_splitter.split_batch(rest, error_text=WORDS)
        shorter, letter = letter, rest.dead_letters[0]
        assert len(letter.payload) <= len(shorter.payload) // 2
        assert replace(letter, payload=b"") == replace(shorter, payload=b"")
    assert batch_splitter.split_batch(rest, error_text=WORDS) == []


@pytest.mark.parametrize(
    "event", [b"no json", b"[]", b'{"labels":[{"uri":"at://x"}],"seq":9}', b'{"did":"did:x","host":"h"}']
)
def test_any_event_that_is_too_large_becomes_a_dead_letter(event: bytes) -> None:
    (rest,) = batch_splitter.split_batch(Batch(events=[event], cursor=9), error_text=WORDS)
    assert len(rest.dead_letters) == 1


@given(st.lists(st.integers(0, 100), min_size=2, max_size=30))
def test_both_halves_have_about_the_same_size(sizes: list[int]) -> None:
    batch = Batch(events=[b"x" * size for size in sizes], cursor=1)
    first, last = batch_splitter.split_batch(batch)
    assert first.events
    assert last.events
    assert abs(sum(map(len, first.events)) - sum(map(len, last.events))) <= max(sizes) + max(
        (abs(a - b) for a, b in pairwise(sizes)), default=0
    )
