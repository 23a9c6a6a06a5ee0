"""Refusals: HTTP responses that replace those of an endpoint, such as 429, 500 or a page of HTML."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

_HTML = "<html><head><title>{status}</title></head><body><h1>{status} {reason}</h1></body></html>"


@dataclass(slots=True)
class Refusal:
    """An HTTP answer after ``delay`` seconds, given ``times`` times (None: until it is removed)."""

    status: int
    times: int | None = 1
    retry_after: str | None = None
    html: bool = False
    location: str | None = None
    delay: float = 0.0

    def response(self) -> web.Response:
        """The answer."""
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
    """The refusals of each endpoint. The oldest is used first."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Refusal]] = {}

    def add(self, endpoint: str, refusal: Refusal) -> None:
        """Refuse the next requests to an endpoint."""
        self._waiting.setdefault(endpoint, []).append(refusal)

    def remove(self, endpoint: str) -> None:
        """Remove all refusals of an endpoint."""
        self._waiting.pop(endpoint, None)

    async def take(self, endpoint: str) -> web.Response | None:
        """The answer to a request if it is refused, after the delay; None if it isn't."""
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
