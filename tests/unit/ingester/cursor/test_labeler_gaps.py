"""Gaps in a labeler's seqs and long silences are normal: only an announced gap is a loss."""

from sluice_ingester.cursor.gap import GapDetector, ResumePoint
from tests.unit.ingester.cursor.test_gap import gap_at

BEFORE, AFTER = "2026-11-20T08:00:00.000Z", "2026-11-24T08:00:00.000Z"
PLACE = ResumePoint(cursor=b"100", event_time=BEFORE)


def test_a_gap_and_a_pause_are_no_loss() -> None:
    assert gap_at(GapDetector(PLACE, 100, drops_old_events=False), 5000, AFTER) is None
    assert gap_at(GapDetector(PLACE, 100, drops_old_events=True), 5000, AFTER) is not None


def test_an_announced_gap_is_a_loss() -> None:
    arrival = GapDetector(PLACE, 100, drops_old_events=False)
    arrival.is_announced = True
    loss = gap_at(arrival, 5000, AFTER)
    assert loss is not None
    assert (loss.first, loss.since) == (101, BEFORE)
