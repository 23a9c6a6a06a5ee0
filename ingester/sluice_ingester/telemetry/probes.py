"""The HTTP server: /healthz and /readyz for the kubelet, /metrics for Prometheus.

It runs on the event loop that does all the work. If the loop hangs, the probes fail, as they should.
"""

import contextlib
import logging
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
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


ProbeLines = Sequence[tuple[bool, str]]
"""Lines of the answer to a probe: whether each is good, and its text. The answer is good if all lines are."""


class ProbedSource(Protocol):
    """The part of a source task that the probes read."""

    report: HealthReport


async def serve_http(
    port: int,
    *,
    liveness: Callable[[], ProbeLines],
    readiness: Callable[[], ProbeLines],
    registry: CollectorRegistry,
) -> Server:
    """Serve on `port` of every address. 0 takes a free port."""

    def answer(_connection: ServerConnection, request: Request) -> Response:
        match request.path.split("?", 1)[0]:
            case "/healthz":
                return _probe_response(liveness())
            case "/readyz":
                return _probe_response(readiness())
            case "/metrics":
                return _response(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
        return _response(HTTPStatus.NOT_FOUND, b"/healthz, /readyz and /metrics are here\n")

    async def nothing(_connection: ServerConnection) -> None:
        """Never called: all requests are answered above."""

    return await serve(nothing, sock=_socket(port), process_request=answer, open_timeout=5, logger=_logger)


def liveness_lines(
    sources: Iterable[ProbedSource], *, stuck: Collection[ProbedSource], background_tasks: Iterable[BackgroundTask]
) -> ProbeLines:
    """Whether the process works. For `stuck` sources only its restart may help."""
    lines = [
        (False, f"{source.report.source}: stuck") if source in stuck else (True, f"{source.report.source}: alive")
        for source in sources
    ]
    return [*lines, *((False, f"{one.name}: fails") for one in background_tasks if one.is_broken)]


def readiness_line(source: ProbedSource) -> tuple[bool, str]:
    """Whether a source is read, or would be if Redis had room."""
    condition = source.report.condition
    ready = condition.state is SourceState.BACKPRESSURE or (
        source.report.ever_connected and condition.state is not SourceState.HALTED
    )
    words = " ".join(filter(None, (condition.state, condition.reason, condition.message)))
    return ready, f"{source.report.source}: {words}"


def _socket(port: int) -> socket.socket:
    """One socket for IPv4 and IPv6. Two sockets would get different ports if any free one is requested."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # IPv6 may be supported and still be disabled
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _probe_response(lines: ProbeLines) -> Response:
    status = HTTPStatus.OK if all(good for good, _ in lines) else HTTPStatus.SERVICE_UNAVAILABLE
    return _response(status, "".join(f"{line}\n" for _, line in lines).encode(errors="backslashreplace"))


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
