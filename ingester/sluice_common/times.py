"""Times as Kubernetes, Redis and people write them. Pure."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def parse_time(text: object) -> datetime | None:
    """The time that RFC 3339 `text` tells, or None if it tells none (empty, absent, malformed, without a
    zone).
    """
    if not isinstance(text, str) or not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):  # a time of the year 1 or 9999 may have none in UTC
        return None


def human_duration(seconds: float) -> str:
    """A duration for people, in its two largest units: `2s`, `3m10s`, `2h`, `3d4h`. Negative counts as
    zero.
    """
    rest = max(0, int(seconds))
    for index, (unit, size) in enumerate(_UNITS[:-1]):
        if rest >= size:
            smaller, smaller_size = _UNITS[index + 1]
            below = rest % size // smaller_size
            return f"{rest // size}{unit}" + (f"{below}{smaller}" if below else "")
    return f"{rest}s"
