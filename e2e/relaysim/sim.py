"""The simulator as one object: ``async with RelaySim(...) as sim`` in a test, the command line in a pod."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from e2e.relaysim import faults, server
from e2e.relaysim.journal import Journal, Note
from e2e.relaysim.options import FIRST_SEQ, Options
from e2e.relaysim.relay import Relay

__all__ = ["FIRST_SEQ", "Options", "RelaySim"]

_GOODBYE_SECONDS = 2.0


class RelaySim(Relay):
    """A relay (``repos``), its listing and a labeler (``labels``) behind one address."""

    def __init__(self, options: Options | None = None, **changes: Any) -> None:
        super().__init__(options or Options(**changes))
        self._runner: web.AppRunner | None = None
        self._port = self.options.port

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
        await self.cancel()
        readers = {*self.repos.readers, *self.labels.readers}
        for reader in readers:
            reader.end(code=1001, reason="going away")
            reader.resume()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
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
