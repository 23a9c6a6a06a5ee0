"""However a batch is parted, and wherever it is broken off: all of it is stored, once, in order."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ingester.pipeline import batch_splitter
from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.pipeline.batch_splitter import Part
from sluice_wire.deadletter import DeadLetter, Reason
from sluice_wire.events import Decoded

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
        frame = Decoded(
            seq=seq,
            events=tuple(_event(seq, number, size) for number, size in enumerate(sizes)),
            kinds=("create",) * len(sizes),
            filtered=draw(st.integers(0, 3)),
            dead=tuple(
                DeadLetter(reason=Reason.OP_INVALID, message="m", detail=str(number), payload=b"p" * size, seq=seq)
                for number, size in enumerate(letters)
            ),
            resyncs=(b"repo%d" % seq,) if draw(st.booleans()) else (),
        )
        cursor = draw(st.sampled_from([seq, None]))
        batch.add(frame, cursor=cursor, digest=b"d%d" % seq, time=f"T{seq}" if cursor else None)
        if draw(st.booleans()):
            batch.mark(cursor=seq, time=f"T{seq}")
    return batch


def parted(batch: Batch, *, limit: int, words: str = "") -> list[Batch]:
    waiting, done = [batch], []
    while waiting:
        one = waiting.pop(0)
        parts = batch_splitter.smaller(one, words=words) if batch_splitter.size(one) > limit else []
        if parts:
            waiting = parts + waiting
        else:
            done.append(one)
    return done


@given(batches(), st.integers(4096, 20_000))
def test_the_parts_are_the_whole(batch: Batch, limit: int) -> None:
    parts = parted(batch, limit=limit)
    assert [event for part in parts for event in part.events] == batch.events
    assert [letter for part in parts for letter in part.dead] == batch.dead
    assert [repo for part in parts for repo in part.resyncs] == batch.resyncs
    assert [digest for part in parts for digest in part.digests] == batch.digests
    assert sum((part.kinds for part in parts), Counter()) == batch.kinds
    assert sum(part.filtered for part in parts) == batch.filtered
    assert sum(part.frames for part in parts) == batch.frames
    assert [part.cursor for part in parts if part.cursor is not None][-1:] == (
        [] if batch.cursor is None else [batch.cursor]
    )
    assert not parts[-1].goes_on
    assert len({part.name for part in parts}) == len(parts)
    for part in parts:
        assert part.cursor is None or not part.goes_on
        assert batch_splitter.size(part) <= limit or len(part.events) + len(part.dead) + len(part.resyncs) <= 1


@given(batches(), st.integers(4096, 12_000), st.data())
def test_broken_off_anywhere_and_begun_anew(batch: Batch, limit: int, data: st.DataObject) -> None:
    """The source sends all frames behind the cursor again; those that are known as a whole are left out."""
    stored: list[bytes] = []
    part, known, cursor = Part(cursor=None), set[bytes](), None
    parts = parted(batch, limit=limit)
    for one in parts[: data.draw(st.integers(0, len(parts)))]:
        stored += one.events + one.resyncs
        known |= set(one.digests)
        cursor = cursor if one.cursor is None else str(one.cursor).encode()
        part = part.with_(one) if one.goes_on else Part(cursor=cursor)
    again = Batch()
    for piece in batch.pieces:
        if piece.frame is not None and piece.digest not in known:
            again.add(piece.frame, cursor=piece.cursor, digest=piece.digest, time=piece.time)
    rest = Part.read(part.write(), cursor=cursor).rest_of(again)
    for one in parted(rest, limit=limit - 50):
        stored += one.events + one.resyncs
    assert Counter(stored) == Counter(batch.events + batch.resyncs)
    assert [event for event in stored if event in set(batch.events)] == batch.events


def test_what_is_stored_in_part_is_of_one_cursor() -> None:
    batch = Batch(goes_on=True, events=[b"{}"])
    part = Part(cursor=b"7").with_(batch)
    assert Part.read(part.write(), cursor=b"7") == part
    for other in (b"8", None):
        assert Part.read(part.write(), cursor=other).digests == ()
    for text in ("", "7", "7 x", "nonsense"):
        assert Part.read(text, cursor=b"7").digests == ()


def test_another_event_is_not_taken_for_one_that_is_stored() -> None:
    one, other = _event(7, 0, 10), _event(7, 0, 11)
    part = Part(cursor=None).with_(Batch(goes_on=True, events=[one]))
    frame = Decoded(seq=7, events=(other, one, one), kinds=("create",) * 3)
    batch = Batch()
    batch.add(frame, cursor=7)
    assert part.rest_of(batch).events == [other, one]


def test_a_time_that_the_source_does_not_tell_is_no_difference() -> None:
    one = b'{"type":"create","seq":7,"time":"2026-01-01T00:00:00.000Z","did":"d"}'
    part = Part(cursor=None).with_(Batch(goes_on=True, events=[one]))
    again = Batch(events=[one.replace(b"2026", b"2027")], cursor=7)
    assert part.rest_of(again).events == []


@pytest.mark.parametrize("size", [1000, 200_000])
def test_an_event_that_is_too_large_is_buried_by_its_name(size: int) -> None:
    batch = Batch()
    event = _event(7, 3, size)
    batch.add(Decoded(seq=7, events=(event,), kinds=("create",), filtered=1), cursor=7, digest=b"d", time="T")
    assert batch_splitter.smaller(batch) == []  # without a word of Redis nothing is given up
    (buried,) = batch_splitter.smaller(batch, words=WORDS)
    (letter,) = buried.dead
    assert (letter.reason, letter.seq, letter.detail) == (Reason.TOO_LARGE, 7, "at://did:plc:a/c/3")
    assert WORDS in letter.message
    assert event.startswith(letter.payload)
    assert (buried.events, buried.kinds, buried.cursor, buried.digests) == ([], Counter(), 7, [b"d"])
    assert (buried.filtered, buried.time) == (1, "T")
    while letter.payload:
        (buried,) = batch_splitter.smaller(buried, words=WORDS)
        shorter, letter = letter, buried.dead[0]
        assert len(letter.payload) <= len(shorter.payload) // 2
        assert replace(letter, payload=b"") == replace(shorter, payload=b"")
    assert batch_splitter.smaller(buried, words=WORDS) == []


@pytest.mark.parametrize(
    "event", [b"no json", b"[]", b'{"labels":[{"uri":"at://x"}],"seq":9}', b'{"did":"did:x","host":"h"}']
)
def test_whatever_is_too_large_has_a_name(event: bytes) -> None:
    (buried,) = batch_splitter.smaller(Batch(events=[event], cursor=9), words=WORDS)
    assert len(buried.dead) == 1


@given(st.lists(st.integers(0, 100), min_size=2, max_size=30))
def test_halves_are_about_of_one_size(sizes: list[int]) -> None:
    batch = Batch(events=[b"x" * size for size in sizes], cursor=1)
    first, last = batch_splitter.smaller(batch)
    assert first.events
    assert last.events
    assert abs(sum(map(len, first.events)) - sum(map(len, last.events))) <= max(sizes) + max(
        (abs(a - b) for a, b in pairwise(sizes)), default=0
    )
