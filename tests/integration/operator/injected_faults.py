"""What a faulty proxy does to single requests: see `faults`."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Answers a request in the server's place, or does not (None)."""
ANSWER_IS_LOST = web.RequestKey("lost", bool)
"""The mark of a request whose answer is to be lost."""
ANSWER_DELAY = web.RequestKey("kept", float)
"""The mark of a request whose answer is kept back for so many seconds."""


def refuse(code: int, *, retry_after: int | None = None) -> Fault:
    """A fault: the server refuses, in its own form."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "a fault"}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    async def fault(_: web.Request) -> web.StreamResponse:
        return web.json_response(status, status=code, headers=headers)

    return fault


async def drop_connection(request: web.Request) -> web.StreamResponse:
    """A fault: the connection is cut off before the server has seen the request."""
    return abort(request)


async def never_answer(_: web.Request) -> web.StreamResponse:
    """A fault: no answer comes."""
    await asyncio.sleep(3600)
    raise AssertionError


def delay_request(seconds: float) -> Fault:
    """A fault: the request arrives late."""

    async def fault(_: web.Request) -> None:
        await asyncio.sleep(seconds)

    return fault


async def lose_answer(request: web.Request) -> None:
    """A fault: the server does as asked, and its answer is lost."""
    request[ANSWER_IS_LOST] = True


def delay_answer(seconds: float) -> Fault:
    """A fault: the server does as asked, and its answer comes late."""

    async def fault(request: web.Request) -> None:
        request[ANSWER_DELAY] = seconds

    return fault


def abort(request: web.Request) -> web.StreamResponse:
    """Cut the connection of `request` off."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
