"""The HTTP server: the two subscriptions, ``listRepos``, health, and the control interface."""

from aiohttp import web

from e2e.relaysim import control
from e2e.relaysim.cursors import seek
from e2e.relaysim.feed import Feed
from e2e.relaysim.frames import MAX_SEQ
from e2e.relaysim.listing import BadRepoError, BadRequestError
from e2e.relaysim.log import log
from e2e.relaysim.reader import Reader
from e2e.relaysim.relay import Relay


def application(relay: Relay) -> web.Application:
    """All routes of a simulator."""
    app = web.Application()
    xrpc = Xrpc(relay)
    app.add_routes(
        [
            web.get("/xrpc/com.atproto.sync.subscribeRepos", xrpc.subscribe_repos),
            web.get("/xrpc/com.atproto.label.subscribeLabels", xrpc.subscribe_labels),
            web.get("/xrpc/com.atproto.sync.listRepos", xrpc.list_repos),
            web.get("/xrpc/_health", xrpc.health),
        ]
    )
    app.add_routes(control.routes(relay))
    return app


class Xrpc:
    """The XRPC endpoints of a relay and a labeler."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def subscribe_repos(self, request: web.Request) -> web.StreamResponse:
        """com.atproto.sync.subscribeRepos."""
        refused = await self._relay.refusals.take("subscribeRepos")
        return refused or await _subscribe(self._relay.repos, request)

    async def subscribe_labels(self, request: web.Request) -> web.StreamResponse:
        """com.atproto.label.subscribeLabels."""
        refused = await self._relay.refusals.take("subscribeLabels")
        return refused or await _subscribe(self._relay.labels, request)

    async def list_repos(self, request: web.Request) -> web.Response:
        """com.atproto.sync.listRepos."""
        refused = await self._relay.refusals.take("listRepos")
        if refused:
            return refused
        try:
            page = self._relay.listing.page(request.query.get("cursor"), request.query.get("limit"))
        except BadRequestError as exc:
            return xrpc_error(400, "InvalidRequest", str(exc))
        except BadRepoError as exc:
            return xrpc_error(500, "DatabaseError", str(exc))
        return web.json_response(page)

    async def health(self, _request: web.Request) -> web.Response:
        """Health, with the answer of the reference servers."""
        return web.json_response({"version": "relaysim"})


def xrpc_error(status: int, name: str, message: str) -> web.Response:
    """An error in the form of XRPC."""
    return web.json_response({"error": name, "message": message}, status=status)


async def _subscribe(feed: Feed, request: web.Request) -> web.StreamResponse:
    text = request.query.get("cursor")
    if text is not None and not (text.isdecimal() and int(text) <= MAX_SEQ):
        return xrpc_error(400, "InvalidRequest", f"cursor must be an integer, got {text!r}")
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return xrpc_error(426, "UpgradeRequired", "this endpoint speaks WebSocket")
    start = seek(feed.window, None if text is None else int(text), feed.rules)
    reader = Reader(feed.window, request, start, on_progress=feed.changed)
    log("subscribed", peer=reader.peer, cursor=text, path=request.path)
    try:
        return await feed.serve(reader)
    finally:
        log("left", peer=reader.peer, sent=reader.sent, path=request.path)
