"""Normalizing timestamps of a source: RFC 3339, UTC, milliseconds, `Z`. Pure.

Consumers compare times as text, and some databases and parsers accept only this form. Years range from 0000 to 9999.
AT Protocol allows the year 0000, which Python's `datetime` does not support.
"""

import re
from datetime import datetime
from typing import Final

from sluice_common.times import format_time

_RFC_3339: Final = re.compile(
    r"([0-9]{4})(-[0-9]{2}-[0-9]{2})[Tt ]"
    r"([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)"
    r"(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
_NORMALIZED: Final = re.compile(r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_MAX_LENGTH: Final = 64
_CYCLE: Final = 400
"""Years after which the calendar repeats itself, including leap years."""

EARLIEST_PLAUSIBLE: Final = "2020-01-01T00:00:00.000Z"
"""Before the first AT Protocol event. An earlier time comes from a wrong clock."""


def normalize_timestamp(text: object) -> str | None:
    """`text` in the normalized form. None if it is not an RFC 3339 time. Fractions of a millisecond are cut off."""
    if type(text) is not str or len(text) > _MAX_LENGTH:
        return None
    try:
        if _NORMALIZED.fullmatch(text):
            datetime.fromisoformat(text)  # months, days and hours must exist
            return text
        if (match := _RFC_3339.fullmatch(text)) is None:
            return None
        year, date, clock, offset = match.groups(default="+00:00")
        # `datetime` cannot convert times near its first year to UTC, so this converts a time one cycle later.
        later = _CYCLE if int(year) <= 1 else 0
        normal = format_time(datetime.fromisoformat(f"{int(year) + later:04}{date}T{clock}{offset}"))
    except (ValueError, OverflowError):
        return None
    if not later:
        return normal
    year_0 = int(normal[:4]) - later
    return f"{year_0:04}{normal[4:]}" if year_0 >= 0 else None


def plausible_timestamp(normal: str | None) -> str | None:
    """`normal`, a normalized time, if it can be the time of an event. Otherwise None."""
    return normal if normal is not None and normal >= EARLIEST_PLAUSIBLE else None
