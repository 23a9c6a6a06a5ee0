"""The HTTP server: /healthz and /readyz for the kubelet, /metrics for Prometheus.

It runs on the event loop that does all the work. If the loop hangs, the probes fail, as they should.
"""

import contextlib
import logging
import socket
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from sluice_ingester.telemetry.background_task import BackgroundTask
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_redis.contract import SourceState

_logger: Final = logging.getLogger("sluice_ingester.telemetry.probes")
_logger.setLevel(logging.CRITICAL)  # a client that disconnects is not worth a log line


class ProbedSource(Protocol):
    """The part of a source task that the probes read."""

    report: HealthReport

    @property
    def is_stuck(self) -> bool:
        """Whether it is stuck: there is no progress for too long, and the reason is unknown."""


async def serve_http(
    port: int,
    *,
    source_tasks: Sequence[ProbedSource],
    registry: CollectorRegistry,
    background_tasks: Sequence[BackgroundTask] = (),
) -> Server:
    """Serve on `port` of every address. 0 takes a free port."""

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
        """Never called: all requests are answered above."""

    return await serve(nothing, sock=_socket(port), process_request=answer, open_timeout=5, logger=_logger)


def _socket(port: int) -> socket.socket:
    """One socket for IPv4 and IPv6. Two sockets would get different ports if any free one is requested."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # IPv6 may be supported and still be disabled
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _liveness(source_task: ProbedSource) -> tuple[bool, str]:
    name = source_task.report.source
    return (False, f"{name}: stuck") if source_task.is_stuck else (True, f"{name}: alive")


def _readiness(source_task: ProbedSource) -> tuple[bool, str]:
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
