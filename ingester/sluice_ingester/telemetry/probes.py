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

from sluice_ingester.source_task import SourceTask
from sluice_ingester.telemetry.background_task import BackgroundTask
from sluice_redis.contract import SourceState

_logger: Final = logging.getLogger("sluice_ingester.telemetry.probes")
_logger.setLevel(logging.CRITICAL)  # a probe that hangs up is nothing to report


async def serve_http(
    port: int,
    *,
    source_tasks: Sequence[SourceTask],
    registry: CollectorRegistry,
    background_tasks: Sequence[BackgroundTask] = (),
) -> Server:
    """Serve on `port` of every address; 0 takes a free one."""

    def answer(_connection: ServerConnection, request: Request) -> Response:
        match request.path.split("?", 1)[0]:
            case "/healthz":
                return _probe_response(
                    [
                        *map(_liveness, source_tasks),
                        *((False, f"{one.name}: fails") for one in background_tasks if one.is_broken),
                    ]
                )
            case "/readyz":
                return _probe_response([_readiness(work) for work in source_tasks])
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


def _liveness(source_task: SourceTask) -> tuple[bool, str]:
    name = source_task.report.source
    return (False, f"{name}: stuck") if source_task.is_stuck else (True, f"{name}: alive")


def _readiness(source_task: SourceTask) -> tuple[bool, str]:
    condition = source_task.report.condition
    ready = condition.state is SourceState.BACKPRESSURE or (
        source_task.report.ever_connected and condition.state is not SourceState.HALTED
    )
    words = " ".join(filter(None, (condition.state, condition.reason, condition.message)))
    return ready, f"{source_task.report.source}: {words}"


def _probe_response(parts: Sequence[tuple[bool, str]]) -> Response:
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
