"""A clock that tests set by hand."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


class FakeClock:
    """Stands still until it is advanced."""

    def __init__(self) -> None:
        self._seconds = 1000.0

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds - 1000.0)

    def advance(self, seconds: float) -> None:
        self._seconds += seconds
