"""The simulated services without their server: the relay's feed and listing, and the labeler's feed."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

from e2e.relaysim.corpus import Corpus
from e2e.relaysim.feed import Feed
from e2e.relaysim.frames import Event
from e2e.relaysim.labels import Labeler
from e2e.relaysim.listing import Listing
from e2e.relaysim.network import Network
from e2e.relaysim.options import Options
from e2e.relaysim.pace import Pace
from e2e.relaysim.refusals import Refusals

STREAMS = ("repos", "labels")


class Relay:
    """A relay (``repos``), its ``listing`` and a labeler (``labels``), all of one ``network`` of accounts."""

    def __init__(self, options: Options) -> None:
        o = self.options = options
        self.network = Network(seed=o.seed, size=o.accounts, dormant=o.dormant)
        self.labeler = Labeler(Network(seed=o.seed, size=o.accounts), seed=f"{o.seed}-labeler")
        self.repos = Feed(
            source=_source(self.network, corpus=o.corpus, limit=o.limit, prefill=o.prefill),
            first_seq=o.first_seq,
            rules=o.rules,
            pace=Pace(o.rate, o.limit, o.paused, o.seconds),
            window=o.window,
            journal=o.journal,
        )
        self.labels = Feed(
            source=_source(self.labeler, corpus=o.corpus, limit=o.label_limit),
            first_seq=o.first_label_seq,
            rules=o.label_rules,
            pace=Pace(o.label_rate, o.label_limit, o.paused, o.seconds),
            window=o.window,
            journal=o.journal,
        )
        self.listing = Listing(self.network, o.listing)
        self.refusals = Refusals()
        self._tasks: set[asyncio.Task[None]] = set()

    def feed(self, stream: str) -> Feed:
        """The feed of this name; ``ValueError`` names those that exist."""
        if stream not in STREAMS:
            msg = f"unknown stream {stream!r}; known are {', '.join(STREAMS)}"
            raise ValueError(msg)
        return self.repos if stream == "repos" else self.labels

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine until ``cancel``."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cancel(self) -> None:
        """End all that runs in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _source(source: Iterator[Event], *, corpus: int, limit: int | None, prefill: int = 0) -> Iterator[Event]:
    if not corpus:
        return source
    rounds = Corpus(source, corpus)
    # At most as many as are emitted: otherwise accounts that are created later would be listed too early.
    rounds.make(None if limit is None else max(limit, prefill))
    return iter(rounds)
