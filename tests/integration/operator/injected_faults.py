"""The faults that the faulty proxy can apply to a request: see `faulty_proxy`."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Returns an answer instead of the server's, or None to forward the request."""
ANSWER_IS_LOST = web.RequestKey("lost", bool)
"""Set on a request whose answer is to be lost."""
ANSWER_DELAY = web.RequestKey("kept", float)
"""The seconds by which the answer of a request is delayed."""


def refuse(code: int, *, retry_after: int | None = None) -> Fault:
    """A fault: answer with an error in the form of the API server."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "a fault"}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}

    async def fault(_: web.Request) -> web.StreamResponse:
        return web.json_response(status, status=code, headers=headers)

    return fault


async def drop_connection(request: web.Request) -> web.StreamResponse:
    """A fault: the connection breaks before the server gets the request."""
    return abort(request)


async def never_answer(_: web.Request) -> web.StreamResponse:
    """A fault: there is no answer."""
    await asyncio.sleep(3600)
    raise AssertionError


def delay_request(seconds: float) -> Fault:
    """A fault: the server gets the request late."""

    async def fault(_: web.Request) -> None:
        await asyncio.sleep(seconds)

    return fault


async def lose_answer(request: web.Request) -> None:
    """A fault: the server executes the request, and its answer is lost."""
    request[ANSWER_IS_LOST] = True


def delay_answer(seconds: float) -> Fault:
    """A fault: the server executes the request, and its answer comes late."""

    async def fault(request: web.Request) -> None:
        request[ANSWER_DELAY] = seconds

    return fault


def abort(request: web.Request) -> web.StreamResponse:
    """Break the connection of `request`."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
