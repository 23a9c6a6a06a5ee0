"""Connects to a source by WebSocket or by HTTP."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from e2e.relaysim.sim import RelaySim
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.failure import SourceError, SourceFailure
from sluice_ingester.sources.list_repos import RepoListing
from sluice_ingester.sources.subscription import Deadlines, Subscription
from sluice_ingester.sources.tls import Tls
from tests.integration.ingester.raw import answering, page

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ws_proxy", "wss_proxy", "socks_proxy")
NSID = "com.atproto.sync.subscribeRepos"
PATIENT = Deadlines(open=60.0, ping_interval=20.0, ping=60.0, close=0.5)
PROTOCOLS = pytest.mark.parametrize("protocol", ["websocket", "http"])


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def failure(protocol: str, address: str, *, tls: Tls | None = None) -> SourceFailure:
    """The failure of a connection attempt."""
    with pytest.raises(SourceError) as caught:
        await reach(protocol, address, tls=tls)
    return caught.value.failure


async def reach(protocol: str, address: str, *, tls: Tls | None = None) -> bytes | None:
    parsed = Address.parse(address)
    if protocol == "http":
        listing = RepoListing(parsed, nsid=NSID, user_agent="sluice/test", tls=tls)
        try:
            return await listing.fetch_page(cursor=None, limit=10)
        finally:
            await listing.close()
    subscription = Subscription(parsed, nsid=NSID, user_agent="sluice/test", tls=tls, deadlines=PATIENT)
    async with subscription.open(cursor="0") as frames:
        return (await anext(frames))[0]


@contextlib.asynccontextmanager
async def source(protocol: str, certificate: Any = None) -> AsyncIterator[int]:
    """The port of a source without faults."""
    tls = None if certificate is None else certificate.context
    if protocol == "http":
        async with answering(page(), tls=tls) as port:
            yield port
    else:
        async with RelaySim(paused=True, prefill=1, tls=tls) as sim:
            yield int(sim.host.rpartition(":")[2])
