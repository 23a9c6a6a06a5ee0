import pytest

from sluice_ingester.cursor import (
    MAX_SEQ,
    REACH,
    CursorUnreadableError,
    Position,
    Start,
    StartFrom,
    Verdict,
    is_later,
    read,
    start,
)

SEQ = 6_322_875_401


@pytest.mark.parametrize(
    ("stored", "seq"),
    [(None, None), (b"0", 0), (b"6322875401", SEQ), (b"007", 7), (str(MAX_SEQ).encode(), MAX_SEQ)],
)
def test_reads_a_seq(stored: bytes | None, seq: int | None) -> None:
    assert read(stored) == seq


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b" 1",
        b"1\n",
        b"-1",
        b"+1",
        b"1.0",
        b"1_000",
        b"null",
        b"\xd9\xa3",
        b"\xff",
        str(MAX_SEQ + 1).encode(),
        b"9" * 400,
    ],
)
def test_what_is_no_seq_is_not_taken_for_a_missing_one(stored: bytes) -> None:
    with pytest.raises(CursorUnreadableError, match="not a decimal seq below 2\\^53"):
        read(stored)


@pytest.mark.parametrize(
    ("seq", "start_from", "expected"),
    [
        (SEQ, "oldest", Start(str(SEQ), SEQ)),
        (SEQ, "live", Start(str(SEQ), SEQ)),
        (SEQ, 5, Start(str(SEQ), SEQ)),
        (0, "live", Start("0", 0)),
        (None, "oldest", Start("0", None)),
        (None, "live", Start(None, None)),
        (None, 0, Start("0", None)),
        (None, 1, Start("0", None)),
        (None, SEQ, Start(str(SEQ - 1), SEQ - 1)),
    ],
)
def test_where_a_connection_starts(seq: int | None, start_from: StartFrom, expected: Start) -> None:
    assert start(seq, start_from) == expected


def judged(position: int | None, *seqs: int) -> list[Verdict]:
    place = Position(position)
    return [place.judge(seq) for seq in seqs]


NEW, REPEAT, MOVED_BACK = Verdict.NEW, Verdict.REPEAT, Verdict.MOVED_BACK


@pytest.mark.parametrize(
    ("position", "seqs", "verdicts"),
    [
        (None, (1, 2, 900), [NEW, NEW, NEW]),
        (SEQ, (SEQ + 1, SEQ + 2), [NEW, NEW]),  # exclusive replay
        (SEQ, (SEQ, SEQ + 1), [REPEAT, NEW]),  # inclusive replay
        (SEQ, (SEQ + 1, SEQ + 1, SEQ + 2), [NEW, REPEAT, NEW]),  # replay meets the live stream
        (SEQ, (SEQ - REACH, SEQ + 1), [REPEAT, NEW]),
        (SEQ, (SEQ - REACH - 1,), [MOVED_BACK]),
        (SEQ, (1,), [MOVED_BACK]),
        (8_400_000_000, (20_000_000_000, 20_000_000_001), [NEW, NEW]),
        (SEQ, (SEQ + 1, SEQ - 500), [NEW, MOVED_BACK]),
        (None, (SEQ, SEQ - 500), [NEW, MOVED_BACK]),
    ],
)
def test_verdicts(position: int | None, seqs: tuple[int, ...], verdicts: list[Verdict]) -> None:
    assert judged(position, *seqs) == verdicts


def test_repeats_without_end_are_not_dropped_for_ever() -> None:
    verdicts = judged(SEQ, *[SEQ] * 100)
    assert verdicts[0] is REPEAT
    assert MOVED_BACK in verdicts
    assert set(verdicts[verdicts.index(MOVED_BACK) :]) == {MOVED_BACK}


def test_a_sequence_that_fell_back_a_little_is_noticed_before_much_of_it_is_dropped() -> None:
    """One that repeats everything from REACH below is a replay; longer than that, it is none."""
    assert judged(SEQ, *range(SEQ - REACH, SEQ + 1), SEQ + 1) == [REPEAT] * (REACH + 1) + [NEW]


def test_repeats_here_and_there_are_all_dropped() -> None:
    seqs = [seq for first in range(SEQ + 1, SEQ + 500) for seq in (first, first)]
    assert judged(SEQ, *seqs) == [NEW, REPEAT] * 499


@pytest.mark.parametrize(
    ("time", "than", "later"),
    [
        ("2026-11-24T12:00:00.001Z", "2026-11-24T12:00:00.000Z", True),
        ("2026-11-24T12:00:00.000Z", "2026-11-24T12:00:00.000Z", False),
        ("2026-11-24T11:59:59.999Z", "2026-11-24T12:00:00.000Z", False),
        (None, "2026-11-24T12:00:00.000Z", False),
        ("2026-11-24T12:00:00.000Z", None, False),
    ],
)
def test_is_later(time: str | None, than: str | None, *, later: bool) -> None:
    assert is_later(time, than=than) is later
