"""Answers that keep a client out before anything else happens: 429, 500, a load balancer's HTML."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

_HTML = "<html><head><title>{status}</title></head><body><h1>{status} {reason}</h1></body></html>"


@dataclass(slots=True)
class Refusal:
    """An HTTP answer after ``delay`` seconds, given ``times`` times (None: until it is lifted)."""

    status: int
    times: int | None = 1
    retry_after: str | None = None
    html: bool = False
    location: str | None = None
    delay: float = 0.0

    def response(self) -> web.Response:
        """The answer itself."""
        response = web.Response(status=self.status)
        if self.retry_after is not None:
            response.headers["Retry-After"] = self.retry_after
        if self.location is not None:
            response.headers["Location"] = self.location
        if self.html:
            response.content_type = "text/html"
            response.text = _HTML.format(status=self.status, reason=response.reason)
        else:
            response.content_type = "application/json"
            response.text = f'{{"error":"{response.reason}","message":"refused by the simulator"}}'
        return response


class Refusals:
    """By endpoint, the refusals that wait for a client; the oldest is used up first."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Refusal]] = {}

    def add(self, endpoint: str, refusal: Refusal) -> None:
        """Refuse an endpoint's next requests so."""
        self._waiting.setdefault(endpoint, []).append(refusal)

    def lift(self, endpoint: str) -> None:
        """Refuse no more."""
        self._waiting.pop(endpoint, None)

    async def take(self, endpoint: str) -> web.Response | None:
        """The answer to a request that is refused."""
        waiting = self._waiting.get(endpoint)
        if not waiting:
            return None
        refusal = waiting[0]
        if refusal.times is not None:
            refusal.times -= 1
            if refusal.times <= 0:
                waiting.pop(0)
        await asyncio.sleep(refusal.delay)
        return refusal.response()
