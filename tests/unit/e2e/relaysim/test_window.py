"""The replay window of the simulator, and positions of cursors in it."""

import pytest

from e2e.relaysim.cursors import PROFILES, seek
from e2e.relaysim.frames import Event, Template, error, info
from e2e.relaysim.journal import JournalEntry
from e2e.relaysim.window import Window
from tests.unit.e2e.relaysim import reading

EVENT = Event("#commit", Template(b"a", b"b", b"c"))
INFO = info("OutdatedCursor", "Requested cursor exceeded limit. Possibly missing events")
FUTURE = error("FutureCursor", "Cursor in the future.")


def window(*seqs: int, size: int = 4) -> Window:
    made = Window(size=size, first_seq=seqs[0])
    for seq in seqs:
        made.extend([JournalEntry(seq, "t", EVENT)])
    return made


def seqs(made: Window, position: int) -> list[int]:
    return [note.seq for note in made.slice(position, 100)]


@pytest.mark.parametrize(
    ("profile", "cursor", "expected", "message"),
    [
        ("spec", None, [], None),
        ("spec", 0, [14, 15, 18, 19], None),
        ("spec", 11, [14, 15, 18, 19], INFO),
        ("spec", 13, [14, 15, 18, 19], None),
        ("spec", 15, [15, 18, 19], None),
        ("spec", 16, [18, 19], None),
        ("spec", 19, [19], None),
        ("spec", 20, [], FUTURE),
        ("pds", 0, [14, 15, 18, 19], INFO),
        ("pds", 15, [18, 19], None),
        ("pds", 19, [], None),
        ("pds", 20, [], FUTURE),
        ("indigo", 11, [14, 15, 18, 19], None),
        ("indigo", 15, [18, 19], None),
        ("indigo", 10**9, [], None),
        ("rainbow", 15, [15, 18, 19], None),
        ("rainbow", 11, [14, 15, 18, 19], None),
        ("rainbow", 20, [], None),
        ("ozone", 0, [14, 15, 18, 19], None),
        ("ozone", 20, [], FUTURE),
    ],
)
def test_cursors(profile: str, cursor: int | None, expected: list[int], message: bytes | None) -> None:
    made = window(11, 12, 13, 14, 15, 18, 19)
    start = seek(made, cursor, PROFILES[profile])
    assert seqs(made, start.position) == expected
    assert start.message == message
    assert start.fatal is (message == FUTURE)


def test_a_relay_that_has_emitted_nothing() -> None:
    made = Window(size=4, first_seq=100)
    assert made.oldest is None
    assert seek(made, 0, PROFILES["spec"]).message is None
    assert seek(made, 99, PROFILES["spec"]).message is None
    assert seek(made, 98, PROFILES["spec"]).message == INFO
    assert seek(made, 100, PROFILES["spec"]).fatal


def test_the_window_holds_the_newest_and_nothing_else() -> None:
    made = window(*range(1, 1001), size=10)
    assert seqs(made, made.start) == list(range(991, 1001))
    assert (made.oldest, made.newest, made.lost) == (991, 1000, 990)
    assert len(made._notes) <= 10 + 64
    assert made.position(995) == 994


def test_a_restart_forgets_everything_and_keeps_positions() -> None:
    made = window(11, 12, 13)
    end = made.end
    made.restart(5)
    assert (made.start, made.end, made.oldest, made.newest) == (end, end, None, 4)
    made.extend([JournalEntry(5, "t", EVENT)])
    assert seqs(made, end) == [5]
    assert seek(made, 13, PROFILES["spec"]).fatal


def test_keep_shortens_it() -> None:
    made = window(11, 12, 13)
    made.keep(1)
    assert (seqs(made, made.start), made.lost) == ([13], 12)
    made.keep(5)
    assert seqs(made, made.start) == [13]
    made.keep(0)
    assert (seqs(made, made.start), made.lost, made.newest) == ([], 13, 13)


def test_control_frames_are_those_of_the_specification() -> None:
    assert reading.frame(FUTURE) == (
        {"op": -1},
        {"error": "FutureCursor", "message": "Cursor in the future."},
    )
    header, body = reading.frame(INFO)
    assert header == {"op": 1, "t": "#info"}
    assert body["name"] == "OutdatedCursor"
    assert "seq" not in body
