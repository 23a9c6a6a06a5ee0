"""The simulator as one object, for ``async with RelaySim(...) as sim`` in a test and for the command."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from e2e.relaysim import faults, server
from e2e.relaysim.journal import Journal, JournalEntry
from e2e.relaysim.options import FIRST_SEQ, Options
from e2e.relaysim.relay import Relay

__all__ = ["FIRST_SEQ", "Options", "RelaySim"]

_CLOSE_SECONDS = 2.0


class RelaySim(Relay):
    """A relay (``repos``), its listing and a labeler (``labels``) behind one address."""

    def __init__(self, options: Options | None = None, **changes: Any) -> None:
        super().__init__(options or Options(**changes))
        self._runner: web.AppRunner | None = None
        self._port = self.options.port

    @property
    def host(self) -> str:
        """HOST:PORT, as in ``spec.host`` of a resource."""
        return f"{self.options.host}:{self._port}"

    @property
    def url(self) -> str:
        """The host with its scheme, ``ws://`` or ``wss://``."""
        return f"{'wss' if self.options.tls else 'ws'}://{self.host}"

    @property
    def http_url(self) -> str:
        """The base URL of the HTTP endpoints."""
        return f"{'https' if self.options.tls else 'http'}://{self.host}"

    @property
    def journal(self) -> Journal:
        """The journal of the relay."""
        return self.repos.journal

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, and start to emit. Port 0 takes a free one, and keeps it when started again."""
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
        """Close the connections of all readers with code 1001, then the server."""
        await self.cancel()
        readers = {*self.repos.readers, *self.labels.readers}
        for reader in readers:
            reader.end(code=1001, reason="going away")
            reader.resume()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.gather(*(reader.left.wait() for reader in readers))
        if self._runner:
            await self._runner.cleanup()

    async def emit(self, count: int) -> list[JournalEntry]:
        """Emit events of the relay now, even if it is paused."""
        return await self.repos.emit(count)

    def pause(self) -> None:
        """Emit nothing until ``resume``."""
        self.repos.set_pace(paused=True)

    def resume(self) -> None:
        """Emit again at the rate that is set."""
        self.repos.set_pace(paused=False)

    def fault(self, name: str, **params: Any) -> dict[str, Any]:
        """Inject a fault of ``faults.FAULTS``. ``ValueError`` says what is wrong with the call."""
        return faults.inject(self, name, params)

    async def until(self, condition: Callable[[], bool], *, timeout: float = 60.0) -> None:
        """Wait until a condition holds; ``TimeoutError`` after ``timeout`` seconds."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    async def connected(self, count: int = 1, *, timeout: float = 60.0) -> None:
        """Wait until at least ``count`` readers are subscribed to the relay."""
        await self.until(lambda: len(self.repos.readers) >= count, timeout=timeout)

    async def drained(self, *, timeout: float = 60.0) -> None:
        """Wait until all that was emitted by now is sent to every reader of the relay."""
        end = self.repos.window.end
        await self.until(lambda: all(r.position >= end for r in self.repos.readers), timeout=timeout)
