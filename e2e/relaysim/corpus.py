"""Frames made once and served over and over, for loads that no signer in Python keeps up with.

Within one round every commit is a valid successor of the one before it. From the second round on the
same commits come again under new ``seq`` and ``time``: (did, rev) repeats after ``len(corpus)`` events.
"""

from collections.abc import Iterator
from itertools import cycle, islice

from e2e.relaysim.frames import Event
from e2e.relaysim.network import World


class Corpus:
    """The first ``count`` events of a world; about half a millisecond each to make."""

    def __init__(self, world: World, count: int) -> None:
        if count < 1:
            msg = f"a corpus needs at least one event, not {count}"
            raise ValueError(msg)
        self.world = world
        self.events = tuple(islice(world, count))

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return cycle(self.events)
