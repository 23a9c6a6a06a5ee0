"""Times in one form: RFC 3339, UTC, milliseconds, `Z`.

Consumers compare times as text, and some databases and parsers read only this form.
"""

import re
from datetime import UTC, datetime
from typing import Final

_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]"
    r"([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)"
    r"(?:[Zz]|([+-][0-9]{2}:[0-9]{2}))"
)
_NORMAL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_MAX_LENGTH: Final = 64


def normalise(text: object) -> str | None:
    """`text` in the one form, if it is any RFC 3339 time, else None. Finer than 1 ms is cut off."""
    if type(text) is not str or len(text) > _MAX_LENGTH:
        return None
    try:
        if _NORMAL.fullmatch(text):
            datetime.fromisoformat(text)  # months, days and hours must exist
            return text
        if (match := _RFC_3339.fullmatch(text)) is None:
            return None
        date, clock, offset = match.groups(default="+00:00")
        return from_datetime(datetime.fromisoformat(f"{date}T{clock}{offset}"))
    except (ValueError, OverflowError):
        return None


def from_datetime(moment: datetime) -> str:
    """`moment`, which must know its zone, in the one form."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
