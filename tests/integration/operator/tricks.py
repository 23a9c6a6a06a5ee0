"""What a faulty proxy does to single requests: see `faults`."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Trick = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Answers a request in the server's place, or does not (None)."""
LOST = web.RequestKey("lost", bool)
"""The mark of a request whose answer is to be lost."""
KEPT = web.RequestKey("kept", float)
"""The mark of a request whose answer is kept back for so many seconds."""


def answers(code: int, *, retry_after: int | None = None) -> Trick:
    """A trick: the server refuses, in its own form."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "a fault"}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    async def trick(_: web.Request) -> web.StreamResponse:
        return web.json_response(status, status=code, headers=headers)

    return trick


async def cut_off(request: web.Request) -> web.StreamResponse:
    """A trick: the connection is cut off before the server has seen the request."""
    return abort(request)


async def never(_: web.Request) -> web.StreamResponse:
    """A trick: no answer comes."""
    await asyncio.sleep(3600)
    raise AssertionError


def late(seconds: float) -> Trick:
    """A trick: the request arrives late."""

    async def trick(_: web.Request) -> None:
        await asyncio.sleep(seconds)

    return trick


async def lost(request: web.Request) -> None:
    """A trick: the server does as asked, and its answer is lost."""
    request[LOST] = True


def kept(seconds: float) -> Trick:
    """A trick: the server does as asked, and its answer comes late."""

    async def trick(request: web.Request) -> None:
        request[KEPT] = seconds

    return trick


def abort(request: web.Request) -> web.StreamResponse:
    """Cut the connection of `request` off."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
