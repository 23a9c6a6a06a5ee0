"""A labeler's seqs have gaps, and its nights are long: neither means that something was lost."""

from sluice_ingester.cursor.gap import Arrival, Place
from tests.unit.ingester.cursor.test_gap import arrived

BEFORE, AFTER = "2026-11-20T08:00:00.000Z", "2026-11-24T08:00:00.000Z"
PLACE = Place(cursor=b"100", time=BEFORE)


def test_a_gap_and_a_pause_are_usual() -> None:
    assert arrived(Arrival(PLACE, 100, forgets=False), 5000, AFTER) is None
    assert arrived(Arrival(PLACE, 100, forgets=True), 5000, AFTER) is not None


def test_what_is_announced_is_lost() -> None:
    arrival = Arrival(PLACE, 100, forgets=False)
    arrival.announced = True
    loss = arrived(arrival, 5000, AFTER)
    assert loss is not None
    assert (loss.first, loss.since) == (101, BEFORE)
