"""Reading the stored cursor, and where a connection starts."""

import pytest

from sluice_common.seqs import MAX_SEQ
from sluice_ingester.cursor.start import (
    ConnectionStart,
    CursorUnreadableError,
    StartFrom,
    parse_cursor,
    start_after,
)

SEQ = 6_322_875_401


@pytest.mark.parametrize(
    ("stored", "seq"),
    [(None, None), (b"0", 0), (b"6322875401", SEQ), (b"007", 7), (str(MAX_SEQ).encode(), MAX_SEQ)],
)
def test_a_decimal_cursor_is_parsed(stored: bytes | None, seq: int | None) -> None:
    assert parse_cursor(stored) == seq


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
def test_a_malformed_cursor_is_an_error(stored: bytes) -> None:
    with pytest.raises(CursorUnreadableError, match="not a decimal seq below 2\\^53"):
        parse_cursor(stored)


@pytest.mark.parametrize(
    ("seq", "start_from", "expected"),
    [
        (SEQ, "oldest", ConnectionStart(str(SEQ), SEQ)),
        (SEQ, "live", ConnectionStart(str(SEQ), SEQ)),
        (SEQ, 5, ConnectionStart(str(SEQ), SEQ)),
        (0, "live", ConnectionStart("0", 0)),
        (None, "oldest", ConnectionStart("0", None)),
        (None, "live", ConnectionStart(None, None)),
        (None, 0, ConnectionStart("0", None)),
        (None, 1, ConnectionStart("0", None)),
        (None, SEQ, ConnectionStart(str(SEQ - 1), SEQ - 1)),
    ],
)
def test_where_a_connection_starts(seq: int | None, start_from: StartFrom, expected: ConnectionStart) -> None:
    assert start_after(seq, start_from) == expected
