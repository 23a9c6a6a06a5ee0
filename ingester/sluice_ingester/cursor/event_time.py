"""How far a source's events have come in time: its frames' `time`, without the outliers. Pure.

A frame's `time` is no clock: relays pass on what a host has written, and hosts write what they like. One
late frame does not take the time back, and one far ahead of its neighbours does not take it forward.

- The time goes forward at once by as much as has passed since it was told, and STEP seconds: so a source
  with one event an hour is right with each.
- By more, or back, it goes only when the last NEIGHBOURS frames agree: then to their median.
- When the source falls silent, its last frame is its newest: see `settle`.
- A time that is still to come, by more than STEP_AHEAD, is a fault of its author's clock, and ignored.
"""

from collections import deque
from datetime import datetime
from typing import Final

STEP_SECONDS: Final = 10.0
MAX_AHEAD_SECONDS: Final = 60.0
MAX_BACK_SECONDS: Final = 60.0
AGREEING_FRAMES: Final = 5


class EventTime:
    """The time of one source. `text` is RFC 3339 as the source gave it, None before the first.

    All other times are seconds since 1970.
    """

    def __init__(self, text: str | None = None, *, noted_at: float = 0.0) -> None:
        """`text` was told at `told`."""
        self.text = text
        self._seconds = 0.0 if text is None else epoch_seconds(text)
        self._noted_at = noted_at
        self._recent: deque[tuple[float, str]] = deque(maxlen=AGREEING_FRAMES)

    def update(self, text: str | None, *, now: float) -> str | None:
        """Take the time of the next frame, received `now`. The time that holds from now on, None if it stays."""
        if text is None or (seconds := epoch_seconds(text)) > now + MAX_AHEAD_SECONDS:
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
        """The source has fallen silent. As `take`."""
        if not self._recent or self._recent[-1][0] <= self._seconds:
            return None
        return self._set(*self._recent[-1], now)

    def _set(self, seconds: float, text: str, now: float) -> str:
        self._seconds, self.text, self._noted_at = seconds, text, now
        return text


def epoch_seconds(text: str) -> float:
    """An RFC 3339 time with its zone, as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
