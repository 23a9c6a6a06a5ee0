from sluice_ingester.batch import MAX_BYTES, Batch
from sluice_ingester.sink.append import Append, Letter
from tests.unit.ingester.given import TIME, decoded

LATEST = "2026-11-24T12:01:00.000Z"


def batch_of(*frames: tuple[int | None, int]) -> Batch:
    batch = Batch(latest=LATEST)
    for seq, events in frames:
        batch.add(decoded(seq, events))
    return batch


def test_the_cursor_is_the_last_frame_that_told_a_seq() -> None:
    assert batch_of((5, 1), (9, 0)).cursor == 9  # a frame without events moves it, too
    assert batch_of((5, 1), (None, 0)).cursor == 5
    assert batch_of((None, 0)).cursor is None


def test_frames_stay_whole() -> None:
    batch = batch_of((5, 3), (6, 200))
    assert len(batch.events) == 203
    assert batch.is_full(events=100)
    assert batch.cursor == 6


def test_full_by_events_or_by_bytes() -> None:
    assert not batch_of((5, 99)).is_full(events=100)
    assert batch_of((5, 99), (6, 1)).is_full(events=100)
    large = Batch(latest=LATEST)
    large.add(decoded(7, 1, size=MAX_BYTES - 1))
    assert not large.is_full(events=100)
    large.add(decoded(8, 0, dead=1, size=1))
    assert large.is_full(events=100)


def test_the_time_is_the_newest_and_never_one_from_the_future() -> None:
    batch = Batch(latest=LATEST)
    for time in ("2026-11-24T11:00:00.000Z", TIME, "2019-01-01T00:00:00.000Z", None, "2099-01-01T00:00:00.000Z"):
        batch.add(decoded(1, time=time))
    assert batch.time == TIME


def test_each_batch_has_a_name_of_its_own() -> None:
    assert Batch(latest=LATEST).name != Batch(latest=LATEST).name


def test_the_append() -> None:
    batch = Batch(latest=LATEST)
    batch.add(decoded(5, 2, size=1))
    batch.add(decoded(6, 0, dead=1, size=1))
    assert batch.append(expected=b"4", fields={}) == Append(
        name=batch.name,
        expected=b"4",
        cursor=6,
        events=[b"x", b"x"],
        letters=[Letter(seq="6", reason="RecordInvalid: no map", detail="a/b", payload=b"?")],
        time=TIME,
        fields={},
        resyncs=[],
    )
    assert batch.kinds == {"create": 2}
    assert batch.size == 3
