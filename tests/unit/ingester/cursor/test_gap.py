"""The gap detector: which events are lost before the first new frame of a connection."""

import pytest

from sluice_ingester.cursor.gap import Gap, GapDetector, ResumePoint

THEN = "2026-11-20T12:00:00.000Z"
SOON = "2026-11-20T12:00:59.000Z"
LATER = "2026-11-21T12:00:00.000Z"


def gap_at(arrival: GapDetector, seq: int, time: str | None) -> Gap | None:
    arrival.new_frame_seen(seq, time)
    return arrival.finish()


LOSS = Gap(first=101, since=THEN, reason="OutdatedCursor")


@pytest.mark.parametrize(
    ("seq", "time", "loss"),
    [
        (101, LATER, None),  # the next seq after a quiet time: no gap
        (111, LATER, LOSS),
        (110, LATER, None),  # every sequence skips a few seqs
        (11_000_000_000, SOON, None),  # a jump without a pause: the sequence was moved
        (5_000, LATER, LOSS),
        (5_000, None, LOSS),  # the frame has no time: the seqs alone decide
    ],
)
def test_gap_without_an_announcement(seq: int, time: str | None, loss: Gap | None) -> None:
    assert gap_at(GapDetector(ResumePoint(cursor=b"100", event_time=THEN), 100), seq, time) == loss


@pytest.mark.parametrize(("seq", "loss"), [(101, None), (102, LOSS), (5_000, LOSS)])
def test_gap_after_an_outdated_cursor_notice(seq: int, loss: Gap | None) -> None:
    arrival = GapDetector(ResumePoint(cursor=b"100", event_time=THEN), 100)
    arrival.is_announced = True
    assert gap_at(arrival, seq, SOON) == loss


def test_a_replay_of_the_cursors_frame_means_no_gap() -> None:
    arrival = GapDetector(ResumePoint(cursor=b"100", event_time=THEN), 100)
    arrival.repeat_seen()
    assert gap_at(arrival, 5_000, LATER) is None


def test_a_gap_behind_a_cursor_set_by_hand_has_no_start_time() -> None:
    assert gap_at(GapDetector(ResumePoint(cursor=b"100"), 100), 5_000, THEN) == Gap(
        first=101, since=None, reason="OutdatedCursor"
    )


@pytest.mark.parametrize("position", [None, 0])
def test_a_start_from_the_oldest_event_or_live_has_no_gap(position: int | None) -> None:
    arrival = GapDetector(ResumePoint(cursor=b"0", event_time=THEN), position)
    arrival.is_announced = True
    assert gap_at(arrival, 5_000, LATER) is None
    assert arrival.possible_gap() is None


def test_the_health_fields_of_a_gap_when_it_opens_and_closes() -> None:
    assert LOSS.opening_fields(now=LATER) == {
        "lostFrom": "101",
        "lostFromTime": THEN,
        "lostTo": "",
        "lostToTime": "",
        "lostAt": LATER,
        "lostReason": "OutdatedCursor",
    }
    assert LOSS.closing_fields(seq=5_000, time=LATER) == {"lostTo": "4999", "lostToTime": LATER}
    assert LOSS.closing_fields(seq=7, time=LATER) == {"lostTo": "", "lostToTime": LATER}  # of another sequence
