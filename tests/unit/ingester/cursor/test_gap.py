"""What is lost before a connection's first new frame, row by row."""

import pytest

from sluice_ingester.cursor.gap import Gap, GapDetector, ResumePoint

THEN = "2026-11-20T12:00:00.000Z"
SOON = "2026-11-20T12:00:59.000Z"
LATER = "2026-11-21T12:00:00.000Z"


def arrived(arrival: GapDetector, seq: int, time: str | None) -> Gap | None:
    arrival.new_frame_seen(seq, time)
    return arrival.finish()


LOSS = Gap(first=101, since=THEN, reason="OutdatedCursor")


@pytest.mark.parametrize(
    ("seq", "time", "loss"),
    [
        (101, LATER, None),  # it follows: a quiet night
        (111, LATER, LOSS),
        (110, LATER, None),  # so few seqs are missing in every sequence
        (11_000_000_000, SOON, None),  # the sequence was moved, nobody paused
        (5_000, LATER, LOSS),
        (5_000, None, LOSS),  # the frame has no time: the seqs alone decide
    ],
)
def test_not_announced(seq: int, time: str | None, loss: Gap | None) -> None:
    assert arrived(GapDetector(ResumePoint(cursor=b"100", event_time=THEN), 100), seq, time) == loss


@pytest.mark.parametrize(("seq", "loss"), [(101, None), (102, LOSS), (5_000, LOSS)])
def test_announced(seq: int, loss: Gap | None) -> None:
    arrival = GapDetector(ResumePoint(cursor=b"100", event_time=THEN), 100)
    arrival.is_announced = True
    assert arrived(arrival, seq, SOON) == loss


def test_a_source_that_repeats_the_cursor_has_lost_nothing() -> None:
    arrival = GapDetector(ResumePoint(cursor=b"100", event_time=THEN), 100)
    arrival.repeat_seen()
    assert arrived(arrival, 5_000, LATER) is None


def test_a_cursor_set_by_hand_has_no_time() -> None:
    assert arrived(GapDetector(ResumePoint(cursor=b"100"), 100), 5_000, THEN) == Gap(
        first=101, since=None, reason="OutdatedCursor"
    )


@pytest.mark.parametrize("position", [None, 0])
def test_from_the_oldest_or_live_nothing_is_lost(position: int | None) -> None:
    arrival = GapDetector(ResumePoint(cursor=b"0", event_time=THEN), position)
    arrival.is_announced = True
    assert arrived(arrival, 5_000, LATER) is None
    assert arrival.possible_gap() is None


def test_the_fields_of_a_loss_from_its_begin_to_its_end() -> None:
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
