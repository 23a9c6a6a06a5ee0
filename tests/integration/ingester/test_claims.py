"""Large frames claim their bytes from the budget of the process, over real WebSockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from e2e.relaysim import websocket
from sluice_ingester.byte_budget import SHARE_BYTES, ByteBudget
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.subscription import Deadlines, Subscription
from sluice_wire.labels import NSID
from tests.integration.ingester.labeler_hosts import Serve
from tests.integration.ingester.stored import until

LARGE = 3_000_000
QUICK = Deadlines(ping_interval=0.1, ping=0.3)


@asynccontextmanager
async def subscription(
    handler: Serve, budget: ByteBudget, *, deadlines: Deadlines | None = None
) -> AsyncIterator[Subscription]:
    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        address = Address.parse(f"ws://127.0.0.1:{port}")
        yield Subscription(address, nsid=NSID, user_agent="test", tls=None, budget=budget, deadlines=deadlines)


async def _send_large(socket: ServerConnection) -> None:
    for _ in range(3):
        await socket.send(b"a" * LARGE)
        await socket.send(b"small")
    await socket.send([b"b" * (LARGE // 10)] * 10)  # in fragments
    await socket.wait_closed()


async def _send_half(socket: ServerConnection) -> None:
    socket.transport.write(websocket.head(LARGE) + bytes(LARGE // 2))
    await socket.wait_closed()


async def test_large_frames_are_claimed_while_they_arrive_and_given_back_when_they_are_handled() -> None:
    budget = ByteBudget()
    async with subscription(_send_large, budget) as source, source.open(cursor="0") as frames:
        received: list[int] = []
        most = 0
        while len(received) < 7:
            received += map(len, await anext(frames))
            most = max(most, budget.used)
        assert received == [LARGE, 5, LARGE, 5, LARGE, 5, LARGE]
        assert most >= LARGE
        waiting = asyncio.ensure_future(anext(frames))
        await until(lambda: _is_free(budget))
        waiting.cancel()


async def _is_free(budget: ByteBudget) -> bool:
    return budget.used == 0


async def test_a_source_that_stops_in_the_middle_of_a_frame_gives_its_claim_back_when_its_ping_times_out() -> None:
    budget = ByteBudget()
    async with subscription(_send_half, budget, deadlines=QUICK) as source:
        async with source.open(cursor="0") as frames:
            waiting = asyncio.ensure_future(anext(frames))
            await until(lambda: _is_used(budget))
            with pytest.raises(SourceError) as caught:
                await waiting
        assert caught.value.failure.kind == "PingTimeout"
        assert budget.used == 0


async def _is_used(budget: ByteBudget) -> bool:
    return budget.used > LARGE  # with its header


async def test_a_source_that_waits_for_the_budget_is_not_taken_for_dead() -> None:
    """However long it waits, its connection is kept, and its frame arrives when there is room."""
    budget = ByteBudget(2 * SHARE_BYTES)
    claim = budget.claim(2 * SHARE_BYTES, lambda: None)
    async with (
        subscription(_send_large, budget, deadlines=QUICK) as source,
        source.open(cursor="0") as frames,
    ):
        waiting = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(2.0)  # many times the deadline of a ping
        assert not waiting.done()
        budget.release(claim)
        assert len((await waiting)[0]) == LARGE
