"""The simulator as one object: ``async with RelaySim(...) as sim`` in a test, the command line in a pod."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from e2e.relaysim import faults, server
from e2e.relaysim.corpus import Corpus
from e2e.relaysim.feed import Feed, Pace
from e2e.relaysim.frames import Event
from e2e.relaysim.journal import Journal, Note
from e2e.relaysim.labels import Labeler
from e2e.relaysim.listing import Listing, Style
from e2e.relaysim.network import World
from e2e.relaysim.refusals import Refusals
from e2e.relaysim.window import PROFILES, CursorRules

FIRST_SEQ = 6_322_875_401
_GOODBYE = 2.0


@dataclass(slots=True)
class Options:
    """What a simulator is like. Rates are events a second; 0 is as fast as the slowest reader takes.

    ``accounts`` write; ``dormant`` more are only listed. ``corpus``: a corpus, or how many events to make
    at the start and serve in rounds; 0 goes on making new ones. ``prefill`` events stand in the window at
    the start. ``window`` and ``journal`` bound the memory, in events (about 2 kB each unless a corpus
    is served).
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: str = "sluice"
    first_seq: int = FIRST_SEQ
    rate: float = 50.0
    limit: int | None = None
    paused: bool = False
    accounts: int = 50
    dormant: int = 0
    corpus: int | Corpus = 0
    prefill: int = 0
    window: int = 20_000
    journal: int = 100_000
    rules: CursorRules = field(default_factory=lambda: PROFILES["spec"])
    listing: Style = "uid"
    first_label_seq: int = 1
    label_rate: float = 1.0
    label_limit: int | None = None
    label_rules: CursorRules = field(default_factory=lambda: PROFILES["ozone"])
    tls: ssl.SSLContext | None = None


class RelaySim:
    """A relay (``repos``), its listing and a labeler (``labels``) behind one address."""

    def __init__(self, options: Options | None = None, **changes: Any) -> None:
        self.options = options or Options(**changes)
        o = self.options
        source: Iterator[Event]
        if isinstance(o.corpus, Corpus):
            self.world, source = o.corpus.world, iter(o.corpus)
        else:
            self.world = source = World(seed=o.seed, size=o.accounts, dormant=o.dormant)
            if o.corpus:
                source = iter(Corpus(self.world, o.corpus))
        self.labeler = Labeler(World(seed=o.seed, size=o.accounts), seed=f"{o.seed}-labeler")
        self.repos = Feed(
            source=source,
            first_seq=o.first_seq,
            rules=o.rules,
            pace=Pace(o.rate, o.limit, o.paused),
            window=o.window,
            journal=o.journal,
        )
        self.labels = Feed(
            source=self.labeler,
            first_seq=o.first_label_seq,
            rules=o.label_rules,
            pace=Pace(o.label_rate, o.label_limit, o.paused),
            window=o.window,
            journal=o.journal,
        )
        self.listing = Listing(self.world, o.listing)
        self.refusals = Refusals()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._port = o.port

    @property
    def host(self) -> str:
        """Host and port, as a resource names its source."""
        return f"{self.options.host}:{self._port}"

    @property
    def url(self) -> str:
        """The source with its scheme, ``ws://`` or ``wss://``."""
        return f"{'wss' if self.options.tls else 'ws'}://{self.host}"

    @property
    def http_url(self) -> str:
        """The base of the HTTP endpoints."""
        return f"{'https' if self.options.tls else 'http'}://{self.host}"

    @property
    def journal(self) -> Journal:
        """What the relay has emitted."""
        return self.repos.journal

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, and begin to emit. A port of 0 takes a free one."""
        await self.repos.emit(self.options.prefill)
        self._runner = web.AppRunner(server.application(self), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self.options.host, self._port, ssl_context=self.options.tls, reuse_address=True
        )
        await site.start()
        self._port = self._runner.addresses[0][1]
        for feed in (self.repos, self.labels):
            self.background(feed.run())

    async def stop(self) -> None:
        """Say goodbye to the readers and close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        readers = {*self.repos.readers, *self.labels.readers}
        for reader in readers:
            reader.end(code=1001, reason="going away")
            reader.resume()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await asyncio.gather(*(reader.left.wait() for reader in readers))
        if self._runner:
            await self._runner.cleanup()

    async def emit(self, count: int) -> list[Note]:
        """Emit events of the relay now, paused or not."""
        return await self.repos.emit(count)

    def pause(self) -> None:
        """Emit no more until ``resume``."""
        self.repos.set_pace(paused=True)

    def resume(self) -> None:
        """Go on at the rate set."""
        self.repos.set_pace(paused=False)

    def fault(self, name: str, **params: Any) -> dict[str, Any]:
        """Let something go wrong; ``faults.FAULTS`` lists what can. ``ValueError`` explains a wrong call."""
        return faults.inflict(self, name, params)

    async def until(self, condition: Callable[[], bool], *, timeout: float = 60.0) -> None:
        """Wait until something is so; ``TimeoutError`` if it doesn't become so."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    async def connected(self, count: int = 1, *, timeout: float = 60.0) -> None:
        """Wait until at least so many readers are subscribed to the relay."""
        await self.until(lambda: len(self.repos.readers) >= count, timeout=timeout)

    async def drained(self, *, timeout: float = 60.0) -> None:
        """Wait until every reader of the relay has been handed all that was emitted."""
        end = self.repos.window.end
        await self.until(lambda: all(r.position >= end for r in self.repos.readers), timeout=timeout)

    def background(self, work: Any) -> None:
        """Run a coroutine for as long as the simulator lives."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
