"""Pages of a listing over HTTP, and hosts that answer with something else."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from sluice_ingester.sources.address import Address
from sluice_ingester.sources.list_repos import MAX_BODY, PageError, RepoListing
from sluice_wire.repo_page import NSID

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def host(handler: Handler) -> AsyncIterator[RepoListing]:
    app = web.Application()
    app.router.add_get(f"/xrpc/{NSID}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    listing = source(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield listing
    finally:
        await listing.close()
        await runner.cleanup()


def source(address: str) -> RepoListing:
    return RepoListing(Address.parse(address), nsid=NSID, user_agent="sluice/test", tls=None)


async def failure(listing: RepoListing) -> PageError:
    with pytest.raises(PageError) as caught:
        await listing.fetch_page(cursor=None, limit=10)
    return caught.value


async def test_the_request() -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((dict(request.query), request.headers["User-Agent"]))
        return web.Response(body=b"as it is")

    async with host(answer) as listing:
        assert await listing.fetch_page(cursor=None, limit=1000) == b"as it is"
        assert await listing.fetch_page(cursor="1795::did:plc:a&b=c", limit=1) == b"as it is"
    assert asked == [
        ({"limit": "1000"}, "sluice/test"),
        ({"limit": "1", "cursor": "1795::did:plc:a&b=c"}, "sluice/test"),
    ]


@pytest.mark.parametrize(
    ("response", "kind", "server_message", "wait"),
    [
        (
            {"status": 500, "text": '{"error":"DatabaseError","message":"no\\n repo"}'},
            "Http500",
            "DatabaseError: no repo",
            0,
        ),
        ({"status": 502, "text": "<html>502 did:plc:a</html>", "content_type": "text/html"}, "Http502", "", 0),
        ({"status": 429, "headers": {"Retry-After": "7"}}, "Http429", "", 7),
        ({"status": 503, "headers": {"Retry-After": "99999"}}, "Http503", "", 600),
        ({"status": 400, "text": '{"error":["odd"],"message":7}'}, "Http400", "", 0),
        ({"status": 204}, "Http204", "", 0),
    ],
)
async def test_answers_that_are_not_a_page(
    response: dict[str, object], kind: str, server_message: str, wait: float
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(**response)  # type: ignore[arg-type]

    async with host(answer) as listing:
        error = await failure(listing)
    assert (error.failure.kind, error.server_message, error.failure.min_delay) == (kind, server_message, wait)
    assert "\n" not in str(error)


async def test_an_endless_page() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(2 * MAX_BODY // 65536):
                await response.write(b" " * 65536)
        return response

    async with host(answer) as listing:
        assert (await failure(listing)).failure.kind == "PageTooLarge"


async def test_a_page_that_breaks_off() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"repos":[')
        assert request.transport is not None
        request.transport.close()
        return response

    async with host(answer) as listing:
        assert (await failure(listing)).failure.kind == "ConnectionLost"


async def test_a_redirect_to_itself() -> None:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.rel_url)

    async with host(answer) as listing:
        assert (await failure(listing)).failure.kind == "RedirectRefused"


async def test_unreachable_hosts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = source(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert (await failure(closed)).failure.kind == "ConnectFailed"
        await closed.close()


async def test_tls_with_a_host_without_tls() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with host(answer) as listing:
        other = source(listing._address.host)
        assert (await failure(other)).failure.kind == "TlsFailed"
        await other.close()
