"""Normalizing timestamps."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_common.times import format_time
from sluice_wire.timestamps import normalize_timestamp
from tests.unit.wire.published import lines

VALID_RFC_3339 = {
    "1985-04-12T23:20:50.123z",
    "1985-04-12t23:20:50.123Z",
    "1985-04-12T23:20:50.123-00:00",
    "1985-04-12 23:20:50.123Z",
}


@pytest.mark.parametrize("text", lines("syntax/datetime_syntax_valid.txt"))
def test_every_valid_time_is_normalised(text: str) -> None:
    normal = normalize_timestamp(text)
    assert normal is not None
    assert (len(normal), normal[10], normal[19], normal[-1]) == (24, "T", ".", "Z")
    assert normalize_timestamp(normal) == normal
    exact = datetime.fromisoformat(text).astimezone(UTC)
    assert timedelta() <= exact - datetime.fromisoformat(normal) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        *lines("syntax/datetime_syntax_invalid.txt"),
        *lines("syntax/datetime_parse_invalid.txt"),
        *("", "2025-W01-1T00:00:00.000Z", "20250401T040132Z", "0000-01-01T00:00:00+00:01", "1" * 10_000_000),
        *("0000-02-30T00:00:00.000Z", "0000-00-01T00:00:00Z", "9999-12-31T23:59:59-01:00"),
        *("1985-04-12T23:20:50." + "1" * 100 + "Z", "١٩٨٥-04-12T23:20:50.123Z"),
    ],
)
def test_invalid_times(text: str) -> None:
    if text in VALID_RFC_3339:
        assert normalize_timestamp(text) == "1985-04-12T23:20:50.123Z"
    else:
        assert normalize_timestamp(text) is None


@pytest.mark.parametrize("value", [None, 5, b"1985-04-12T23:20:50.123Z", ["1985-04-12T23:20:50.123Z"]])
def test_values_that_are_not_text(value: object) -> None:
    assert normalize_timestamp(value) is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("2024-05-01T12:00:00.123999999+02:00", "2024-05-01T10:00:00.123Z"),
        ("2024-12-31T23:59:59-00:30", "2025-01-01T00:29:59.000Z"),
        ("2024-05-01 12:00:00z", "2024-05-01T12:00:00.000Z"),
        ("0000-01-01T00:00:00.000Z", "0000-01-01T00:00:00.000Z"),
        ("0000-02-29T23:00:00.1239-01:00", "0000-03-01T00:00:00.123Z"),
        ("0001-01-01T00:00:00+23:59", "0000-12-31T00:01:00.000Z"),
        ("0000-12-31T23:59:59-23:59", "0001-01-01T23:58:59.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_the_normal_form_of_a_time(text: str, normal: str) -> None:
    assert normalize_timestamp(text) == normal


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_a_time_of_any_zone(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert normalize_timestamp(zoned.isoformat()) == format_time(zoned)
