"""A labeler's seqs have gaps, and its nights are long: neither means that something was lost."""

from sluice_ingester.cursor.gap import GapDetector, ResumePoint
from tests.unit.ingester.cursor.test_gap import arrived

BEFORE, AFTER = "2026-11-20T08:00:00.000Z", "2026-11-24T08:00:00.000Z"
PLACE = ResumePoint(cursor=b"100", event_time=BEFORE)


def test_a_gap_and_a_pause_are_usual() -> None:
    assert arrived(GapDetector(PLACE, 100, drops_old_events=False), 5000, AFTER) is None
    assert arrived(GapDetector(PLACE, 100, drops_old_events=True), 5000, AFTER) is not None


def test_what_is_announced_is_lost() -> None:
    arrival = GapDetector(PLACE, 100, drops_old_events=False)
    arrival.is_announced = True
    loss = arrived(arrival, 5000, AFTER)
    assert loss is not None
    assert (loss.first, loss.since) == (101, BEFORE)
