"""A corpus: events that are made once and then sent in rounds, which saves CPU time.

Within one round every commit is a valid successor of the one before it. From the second round on the same commits come
again under a new ``seq`` and ``time``: (did, rev) repeats after ``len(corpus)`` events.
"""

from collections.abc import Iterator
from itertools import count, islice

from e2e.relaysim.frames import Event


class Corpus:
    """The first ``size`` events of a source, each made when it is first needed or ahead by ``make``."""

    def __init__(self, source: Iterator[Event], size: int) -> None:
        if size < 1:
            msg = f"a corpus needs at least one event, not {size}"
            raise ValueError(msg)
        self._source = source
        self._size = size
        self._events: list[Event] = []

    def __len__(self) -> int:
        return self._size

    def make(self, number: int | None = None) -> None:
        """Make the first ``number`` events, or all of them."""
        missing = min(self._size, self._size if number is None else number) - len(self._events)
        self._events += islice(self._source, max(0, missing))

    def __iter__(self) -> Iterator[Event]:
        """Endless; every iterator starts with the first event."""
        for number in count():
            at = number % self._size
            if at >= len(self._events):
                self.make(at + 1)
            yield self._events[at]
