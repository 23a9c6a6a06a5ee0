"""The control interface: JSON over HTTP under ``/control``, for tests outside the process.

GET  status                               counts of messages, the window, the pace, the readers
GET  faults                               every fault, with what it does and its parameters
GET  journal ?from=&to=&offset=&limit=&stream=    what was emitted; ``next`` is the offset of the next page
GET  accounts                             did, handle, did:key and status of the accounts that write
POST rate {rate, stream}    POST limit {limit, stream}    POST pause {stream}    POST resume {stream}
POST emit {count, stream}                 emit now, even if paused; answers with what was emitted
POST fault/<name> {…}                     inject a fault
"""

import json
from typing import Any

from aiohttp import web

from e2e.relaysim import faults
from e2e.relaysim.feed import Feed
from e2e.relaysim.relay import Relay

_PAGE = 10_000


def routes(relay: Relay) -> list[web.RouteDef]:
    """The control routes of a simulator."""
    control = Control(relay)
    return [
        web.get("/control/status", control.status),
        web.get("/control/faults", control.faults),
        web.get("/control/journal", control.journal),
        web.get("/control/accounts", control.accounts),
        web.post("/control/emit", control.emit),
        web.post("/control/fault/{name}", control.fault),
        web.post("/control/{change:rate|limit|pause|resume}", control.change),
    ]


class Control:
    """The handlers. A request that they don't understand gets 400 and a reason."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def status(self, _request: web.Request) -> web.Response:
        """The state of both feeds."""
        return web.json_response({"repos": _status(self._relay.repos), "labels": _status(self._relay.labels)})

    async def faults(self, _request: web.Request) -> web.Response:
        """The faults that can be injected."""
        return web.json_response(faults.describe())

    async def accounts(self, _request: web.Request) -> web.Response:
        """The accounts that write."""
        accounts = [
            {"did": a.did, "handle": a.handle, "key": a.repo.key.did_key, "status": a.status}
            for a in self._relay.network.accounts
        ]
        return web.json_response({"accounts": accounts})

    async def journal(self, request: web.Request) -> web.Response:
        """A page of what was emitted."""
        query = request.query
        try:
            offset, limit = int(query.get("offset", 0)), int(query.get("limit", _PAGE))
            low, high = int(query.get("from", 0)), int(query.get("to", 2**63))
            journal = self._relay.feed(query.get("stream", "repos")).journal
        except ValueError as exc:
            return _bad(exc)
        first = max(offset, journal.dropped)
        page = journal.page(first, limit)
        following = first + len(page)
        return web.json_response(
            {
                "total": journal.total,
                "dropped": journal.dropped,
                "next": following if following < journal.total else None,
                "entries": [note.json() for note in page if low <= note.seq <= high],
            }
        )

    async def emit(self, request: web.Request) -> web.Response:
        """Emit ``count`` events."""
        try:
            body = await _body(request)
            notes = await self._relay.feed(body.get("stream", "repos")).emit(int(body.get("count", 1)))
        except (ValueError, TypeError) as exc:
            return _bad(exc)
        return web.json_response({"entries": [note.json() for note in notes]})

    async def fault(self, request: web.Request) -> web.Response:
        """Inject a fault."""
        try:
            answer = faults.inject(self._relay, request.match_info["name"], await _body(request))
        except (ValueError, TypeError) as exc:
            return _bad(exc)
        return web.json_response(answer)

    async def change(self, request: web.Request) -> web.Response:
        """Change the pace."""
        what = request.match_info["change"]
        try:
            body = await _body(request)
            feed = self._relay.feed(body.get("stream", "repos"))
            if what in ("pause", "resume"):
                feed.set_pace(paused=what == "pause")
            elif what == "rate":
                feed.set_pace(rate=float(body["rate"]))
            else:
                feed.set_pace(limit=int(body["limit"]))
        except KeyError as exc:
            return _bad(ValueError(f"{what} takes {exc}"))
        except (ValueError, TypeError) as exc:
            return _bad(exc)
        return web.json_response(_status(feed))


async def _body(request: web.Request) -> dict[str, Any]:
    text = await request.text()
    body = json.loads(text) if text else {}
    if not isinstance(body, dict):
        msg = "the body must be a JSON object"
        raise TypeError(msg)
    return body


def _status(feed: Feed) -> dict[str, Any]:
    window = feed.window
    return {
        "emitted": feed.journal.total,
        "next_seq": feed.next_seq,
        "oldest": window.oldest,
        "newest": window.newest,
        "window": window.end - window.start,
        "rate": feed.pace.rate,
        "limit": feed.pace.limit,
        "paused": feed.pace.paused,
        "expired": feed.expired,
        "readers": [
            {"peer": r.peer, "sent": r.sent, "behind": window.end - r.position, "stalled": r.stalled}
            for r in feed.readers
        ],
    }


def _bad(exc: Exception) -> web.Response:
    return web.json_response({"error": "InvalidRequest", "message": str(exc)}, status=400)
