"""A WebSocket client of the simulator for tests, which reads frame by frame."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from e2e.relaysim.sim import RelaySim
from tests.unit.e2e.relaysim import reading

REPOS = "com.atproto.sync.subscribeRepos"
LABELS = "com.atproto.label.subscribeLabels"


class Client:
    """One subscription."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def message(self) -> bytes:
        """The next message as received."""
        async with asyncio.timeout(60):
            data = await self.socket.recv()
        assert isinstance(data, bytes)
        return data

    async def frame(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next frame, decoded."""
        return reading.frame(await self.message())

    async def seqs(self, count: int) -> list[int]:
        """The seqs of the next frames."""
        return [(await self.frame())[1]["seq"] for _ in range(count)]

    async def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing arrives for `seconds`."""
        try:
            await asyncio.wait_for(self.socket.recv(), seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def subscribe(
    sim: RelaySim, cursor: int | None = None, *, endpoint: str = REPOS, **options: Any
) -> AsyncIterator[Client]:
    """Connect with this cursor. Closes without a handshake, since the server may be stalled."""
    query = "" if cursor is None else f"?cursor={cursor}"
    socket = await connect(f"{sim.url}/xrpc/{endpoint}{query}", max_size=None, **options)
    try:
        yield Client(socket)
    finally:
        socket.transport.abort()
        await socket.wait_closed()
