"""Times in one form: RFC 3339, UTC, milliseconds, `Z`.

Consumers compare times as text, and some databases and parsers read only this form. The years go from
0000, which AT Protocol allows and Python's `datetime` does not have, to 9999.
"""

import re
from datetime import UTC, datetime
from typing import Final

_RFC_3339: Final = re.compile(
    r"([0-9]{4})(-[0-9]{2}-[0-9]{2})[Tt ]"
    r"([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)"
    r"(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
_NORMALIZED: Final = re.compile(r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_MAX_LENGTH: Final = 64
_CYCLE: Final = 400
"""Years after which the calendar repeats itself, leap years and all."""

EARLIEST_PLAUSIBLE: Final = "2020-01-01T00:00:00.000Z"
"""Before the first AT Protocol event, by any clock that goes."""


def normalize_timestamp(text: object) -> str | None:
    """`text` in the one form, if it is any RFC 3339 time, else None. Finer than 1 ms is cut off."""
    if type(text) is not str or len(text) > _MAX_LENGTH:
        return None
    try:
        if _NORMALIZED.fullmatch(text):
            datetime.fromisoformat(text)  # months, days and hours must exist
            return text
        if (match := _RFC_3339.fullmatch(text)) is None:
            return None
        year, date, clock, offset = match.groups(default="+00:00")
        # Near its first year `datetime` can't be converted to UTC, so it is done a cycle later.
        later = _CYCLE if int(year) <= 1 else 0
        normal = format_timestamp(datetime.fromisoformat(f"{int(year) + later:04}{date}T{clock}{offset}"))
    except (ValueError, OverflowError):
        return None
    if not later:
        return normal
    year_0 = int(normal[:4]) - later
    return f"{year_0:04}{normal[4:]}" if year_0 >= 0 else None


def format_timestamp(moment: datetime) -> str:
    """`moment`, which must know its zone, in the one form."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def plausible_timestamp(normal: str | None) -> str | None:
    """`normal`, a time in the one form, if it can be when an event of a source happened, else None."""
    return normal if normal is not None and normal >= EARLIEST_PLAUSIBLE else None
