"""The event time of a source: outliers in the times of single frames do not move it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ingester.cursor.event_time import AGREEING_FRAMES, EventTime, epoch_seconds

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = 86_400.0


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_time_after(*frames: tuple[float, float]) -> str | None:
    """The event time after these frames. Each is (second of arrival, second in the frame)."""
    time = EventTime()
    for now, says in frames:
        time.update(at(says), now=START.timestamp() + now)
    return time.text


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([(0, 0)], 0),
        ([(0, 0), (1, 1), (2, 1.5)], 1.5),
        ([(0, 0), (1, 1), (2, -2 * DAY)], 1),  # one late frame
        ([(0, 0), (1, 90)], 0),  # from the future
        ([(0, 0), (1, 50), (2, 2), (3, 3)], 3),
        (
            [(0, -2 * DAY), (0.1, -2 * DAY + 1), (0.2, 0), (0.3, -2 * DAY + 2)],
            -2 * DAY + 2,
        ),  # a frame of now in a replay
        ([(0, 0), (3600, 3600), (7200, 7200)], 7200),  # one frame an hour
        ([(0, -DAY), (1, -DAY + 3600)], -DAY),
        ([(0, -DAY)] + [(0.1 * n, -DAY + 3600 * n) for n in range(1, AGREEING_FRAMES + 1)], -DAY + 3 * 3600),
        ([(0, 0)] + [(0.1 * n, -DAY + n) for n in range(AGREEING_FRAMES)], -DAY + 2),  # a replay that was asked for
    ],
)
def test_the_event_time_after_some_frames(frames: list[tuple[float, float]], expected: float) -> None:
    assert event_time_after(*frames) == at(expected)


def test_one_late_frame_after_a_restart_does_not_move_the_time_back() -> None:
    time = EventTime(at(0), noted_at=START.timestamp())
    assert time.update(at(-2 * DAY), now=START.timestamp() + 60) is None
    assert time.update(at(3600), now=START.timestamp() + 3600) == at(3600)


def test_on_silence_the_time_of_the_last_frame_counts() -> None:
    time, now = EventTime(), START.timestamp()
    time.update(at(-DAY), now=now)
    assert time.update(at(0), now=now) is None
    assert time.handle_silence(now=now) == at(0)
    assert time.update(at(-DAY), now=now) is None
    assert time.handle_silence(now=now) is None
    assert time.text == at(0)


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.0, -DAY, -900 * DAY, 5 * DAY]), min_size=1, max_size=60))
def test_single_outliers_do_not_move_the_time(offsets: list[float]) -> None:
    """The events are half a day old. At most two of seven consecutive frames are outliers."""
    time, true = EventTime(at(-DAY / 2), noted_at=START.timestamp()), -DAY / 2
    strange = 0
    for number, offset in enumerate(offsets):
        strange = 0 if number % AGREEING_FRAMES == 0 else strange
        strange += offset != 0
        true += 1
        says = true + offset if offset == 0 or strange < 3 else true
        time.update(at(min(says, number)), now=START.timestamp() + number / 10)
        assert time.text is not None
        assert at(-DAY / 2) <= time.text <= at(true)


@given(st.integers(-(10**11), 10**12))
def test_times_are_read_exactly(milliseconds: int) -> None:
    """One that moves by a rounding error would be taken for an earlier time."""
    text = at(milliseconds / 1000)
    assert EventTime(text).update(text, now=epoch_seconds(text)) == text
