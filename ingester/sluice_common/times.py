"""Times and durations as text: RFC 3339 for machines, `3m10s` for people. Pure."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def parse_time(text: object) -> datetime | None:
    """The time in RFC 3339 `text`. None if there is none: empty, absent, malformed, or without a zone."""
    if not isinstance(text, str) or not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):  # a time in the year 1 or 9999 may not exist in UTC
        return None


def format_time(moment: datetime) -> str:
    """`moment`, which must have a time zone, as all times are written: RFC 3339, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def human_duration(seconds: float) -> str:
    """A duration for people, in its two largest units: `2s`, `3m10s`, `2h`, `3d4h`. A negative one counts as zero."""
    rest = max(0, int(seconds))
    for index, (unit, size) in enumerate(_UNITS[:-1]):
        if rest >= size:
            smaller, smaller_size = _UNITS[index + 1]
            below = rest % size // smaller_size
            return f"{rest // size}{unit}" + (f"{below}{smaller}" if below else "")
    return f"{rest}s"
