import pytest

from sluice_ingester.cursor.start import (
    CursorUnreadableError,
    Start,
    StartFrom,
    read,
    start,
)
from sluice_redis.contract import MAX_SEQ

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
