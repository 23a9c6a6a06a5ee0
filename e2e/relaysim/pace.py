"""The pace of a stream: how many messages are due at a moment."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """How a stream emits.

    - ``rate``: messages a second; 0 is as fast as the slowest reader takes them.
    - ``limit``: messages in all since the start; None for no limit.
    - ``seconds``: for how long messages are emitted after the start or the last change of the pace;
      None for no bound.
    - ``paused``: nothing is emitted.
    """

    rate: float = 50.0
    limit: int | None = None
    paused: bool = False
    seconds: float | None = None

    def change(self, *, rate: float | None = None, limit: int | None = None, paused: bool | None = None) -> None:
        """Change what is given; ``ValueError`` for a negative rate or limit."""
        for name, value in (("rate", rate), ("limit", limit)):
            if value is not None and value < 0:
                msg = f"{name} must not be negative, got {value}"
                raise ValueError(msg)
        self.rate = self.rate if rate is None else rate
        self.limit = self.limit if limit is None else limit
        self.paused = self.paused if paused is None else paused


class Allowance:
    """How many messages a rate allows by now. Time in which the process stood still counts for at most a second."""

    def __init__(self, now: float) -> None:
        self._due = 0.0
        self._before = now

    def grow(self, now: float, rate: float) -> None:
        """Add what ``rate`` allows for the time since the last call (``now`` in seconds)."""
        self._due = min(self._due + (now - self._before) * rate, max(rate, 1.0))
        self._before = now

    @property
    def whole(self) -> int:
        """How many messages may go out now."""
        return int(self._due)

    def spend(self, count: int) -> None:
        """Take off what was emitted."""
        self._due -= count
