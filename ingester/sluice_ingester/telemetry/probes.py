"""The HTTP port: /healthz and /readyz for the kubelet, /metrics for Prometheus.

Served by the event loop that does the work: if that hangs, no answer comes, which is the answer.
"""

import contextlib
import logging
import socket
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from sluice_ingester.source_task import Work
from sluice_ingester.telemetry.background_task import Helper
from sluice_redis.contract import State

_logger: Final = logging.getLogger("sluice_ingester.telemetry.probes")
_logger.setLevel(logging.CRITICAL)  # a probe that hangs up is nothing to report


async def listen(
    port: int, *, works: Sequence[Work], registry: CollectorRegistry, helpers: Sequence[Helper] = ()
) -> Server:
    """Serve on `port` of every address; 0 takes a free one."""

    def answer(_connection: ServerConnection, request: Request) -> Response:
        match request.path.split("?", 1)[0]:
            case "/healthz":
                return _verdict(
                    [*map(_health, works), *((False, f"{one.name}: fails") for one in helpers if one.is_broken)]
                )
            case "/readyz":
                return _verdict([_readiness(work) for work in works])
            case "/metrics":
                return _response(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
        return _response(HTTPStatus.NOT_FOUND, b"/healthz, /readyz and /metrics are here\n")

    async def nothing(_connection: ServerConnection) -> None:
        """No request comes so far: all are answered above."""

    return await serve(nothing, sock=_socket(port), process_request=answer, open_timeout=5, logger=_logger)


def _socket(port: int) -> socket.socket:
    """One socket for IPv4 and IPv6: two of them would take two ports where any free one is asked for."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # IPv6 may be known and still be switched off
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _health(work: Work) -> tuple[bool, str]:
    name = work.report.source
    return (False, f"{name}: stuck") if work.is_stuck else (True, f"{name}: alive")


def _readiness(work: Work) -> tuple[bool, str]:
    condition = work.report.condition
    ready = condition.state is State.BACKPRESSURE or (
        work.report.ever_connected and condition.state is not State.HALTED
    )
    words = " ".join(filter(None, (condition.state, condition.reason, condition.message)))
    return ready, f"{work.report.source}: {words}"


def _verdict(parts: Sequence[tuple[bool, str]]) -> Response:
    status = HTTPStatus.OK if all(good for good, _ in parts) else HTTPStatus.SERVICE_UNAVAILABLE
    return _response(status, "".join(f"{line}\n" for _, line in parts).encode(errors="backslashreplace"))


def _response(status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> Response:
    headers = Headers(
        {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "Cache-Control": "no-store",
        }
    )
    return Response(status.value, status.phrase, headers, body)
