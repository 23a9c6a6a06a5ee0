"""The event time of a source: the time of its newest event, without outliers. Pure.

The `time` of a frame is not reliable, because relays forward the value of the host. One late frame must not move the
event time back, and one frame far ahead must not move it forward.

- The event time moves forward at once by the time that has passed since it was last set, plus STEP_SECONDS. So a source
  with one event an hour is exact with each event.
- It moves further, or back, only if the last AGREEING_FRAMES frames agree. Then it moves to their median.
- When the source falls silent, its last frame counts.
- A time that is more than MAX_AHEAD_SECONDS in the future is ignored, because the clock of its author is wrong.
"""

from collections import deque
from datetime import datetime
from typing import Final

from mypy_extensions import i64

STEP_SECONDS: Final = 10.0
MAX_AHEAD_SECONDS: Final = 60.0
MAX_BACK_SECONDS: Final = 60.0
AGREEING_FRAMES: Final = 5
_USUAL_LENGTH: Final = len("2026-11-01T00:00:00.000Z")
_CLOCK_AT: Final = len("2026-11-01T")


class EventTime:
    """The event time of one source. `text` is RFC 3339 as the source gave it, None before the first.

    All other times are seconds since 1970.
    """

    def __init__(self, text: str | None = None, *, noted_at: float = 0.0) -> None:
        """`text` was set at `noted_at`."""
        self.text = text
        self._seconds = 0.0 if text is None else epoch_seconds(text)
        self._noted_at = noted_at
        self._time_reader = _TimeReader()
        self._recent: deque[tuple[float, str]] = deque(maxlen=AGREEING_FRAMES)

    def update(self, text: str | None, *, now: float) -> str | None:
        """Take the time of the next frame, received at `now`. The new event time, or None if it does not change."""
        if text is None or (seconds := self._time_reader.epoch_seconds(text)) > now + MAX_AHEAD_SECONDS:
            return None
        self._recent.append((seconds, text))
        if self.text is None or 0.0 <= seconds - self._seconds <= STEP_SECONDS + max(0.0, now - self._noted_at):
            return self._set(seconds, text, now)
        if len(self._recent) < AGREEING_FRAMES:
            return None
        ordered = sorted(self._recent)
        if ordered[0][0] > self._seconds or ordered[-1][0] < self._seconds - MAX_BACK_SECONDS:
            return self._set(*ordered[AGREEING_FRAMES // 2], now)
        return None

    def handle_silence(self, *, now: float) -> str | None:
        """Count the last frame, because the source has fallen silent. Returns the same as `update`."""
        if not self._recent or self._recent[-1][0] <= self._seconds:
            return None
        return self._set(*self._recent[-1], now)

    def _set(self, seconds: float, text: str, now: float) -> str:
        self._seconds, self.text, self._noted_at = seconds, text, now
        return text


def epoch_seconds(text: str) -> float:
    """An RFC 3339 time with its zone, as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


class _TimeReader:
    """Reads times like `epoch_seconds`. It takes fewer steps if they have the usual form and the same day.

    The usual form is that of `DecodedFrame.time`: 2026-11-01T00:00:00.000Z.
    """

    def __init__(self) -> None:
        self._day = ""
        self._midnight = 0

    def epoch_seconds(self, text: str) -> float:
        if len(text) != _USUAL_LENGTH or text[-1] != "Z":
            return epoch_seconds(text)
        if text[:_CLOCK_AT] != self._day:
            self._midnight, self._day = int(epoch_seconds(f"{text[:_CLOCK_AT]}00:00:00Z")), text[:_CLOCK_AT]
        hours, minutes, seconds = _digits(text, 11, 2), _digits(text, 14, 2), _digits(text, 17, 2)
        # One division of integers: it is rounded as in `datetime`.
        return (1000 * (self._midnight + 3600 * hours + 60 * minutes + seconds) + _digits(text, 20, 3)) / 1000


def _digits(text: str, at: i64, count: i64) -> i64:
    value: i64 = 0
    for place in range(at, at + count):
        value = value * 10 + ord(text[place]) - ord("0")
    return value
