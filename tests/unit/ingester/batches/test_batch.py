"""A batch: its cursor, its size limits and its append request."""

from sluice_ingester.batches.batch import MAX_BATCH_BYTES, Batch
from sluice_redis.sink.request import AppendRequest, DeadLetterEntry
from tests.unit.ingester.decoded_frames import TIME, decoded


def batch_of(*frames: tuple[int | None, int]) -> Batch:
    batch = Batch()
    for seq, events in frames:
        batch.add(decoded(seq, events), cursor=seq)
    return batch


def test_the_cursor_is_the_last_seq() -> None:
    assert batch_of((5, 1), (9, 0)).cursor == 9  # a frame without events counts, too
    assert batch_of((5, 1), (None, 0)).cursor == 5
    assert batch_of((None, 0)).cursor is None


def test_frames_stay_whole() -> None:
    batch = batch_of((5, 3), (6, 200))
    assert len(batch.events) == 203
    assert batch.is_full(events=100)
    assert batch.cursor == 6


def test_a_batch_is_full_by_events_or_by_bytes() -> None:
    assert not batch_of((5, 99)).is_full(events=100)
    assert batch_of((5, 99), (6, 1)).is_full(events=100)
    large = Batch()
    large.add(decoded(7, 1, size=MAX_BATCH_BYTES - 1), cursor=7)
    assert not large.is_full(events=100)
    large.add(decoded(8, 0, dead=1, size=1))
    assert large.is_full(events=100)


def test_a_frame_without_cursor_and_time_keeps_both() -> None:
    batch = Batch()
    assert batch.is_empty
    batch.add(decoded(5), cursor=5, event_time=TIME)
    batch.add(decoded(6, time="2019-01-01T00:00:00.000Z"))
    assert (batch.cursor, batch.event_time) == (5, TIME)


def test_a_cursor_without_a_frame_makes_a_batch() -> None:
    batch = Batch()
    batch.advance(cursor=None)
    assert batch.is_empty
    batch.advance(cursor=7)
    assert not batch.is_empty
    assert (batch.frame_count, batch.cursor) == (0, 7)


def test_each_batch_has_a_unique_id() -> None:
    assert Batch().batch_id != Batch().batch_id


def test_the_append_request() -> None:
    batch = Batch()
    batch.add(decoded(5, 2, size=1), cursor=5, event_time=TIME)
    batch.add(decoded(6, 0, dead=1, size=1), cursor=6)
    assert batch.append_request(expected_cursor=b"4", health_fields={}) == AppendRequest(
        batch_id=batch.batch_id,
        expected_cursor=b"4",
        cursor=6,
        events=[b"x", b"x"],
        dead_letters=[DeadLetterEntry(seq="6", reason="RecordInvalid: no map", detail="a/b", payload=b"?")],
        event_time=TIME,
        health_fields={},
        resyncs=[],
    )
    assert batch.kinds == {"create": 2}
    assert batch.size == 3
