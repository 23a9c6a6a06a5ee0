"""The HTTP port: /livez and /readyz for the kubelet, /metrics for Prometheus.

Served by the event loop that does the work, so an operator that hangs does not answer; and an answer of /livez
speaks of the work: it fails if that does not go on. It never fails because something else is away: to be started
anew would not bring back an API server or a Redis.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


@asynccontextmanager
async def serve_http(
    port: int,
    *,
    liveness_problem: Callable[[], str],
    readiness_problem: Callable[[], str],
    registry: CollectorRegistry,
    degraded: Callable[[], str] = lambda: "",
) -> AsyncIterator[int]:
    """Serve on `port` of every address while the context lasts; 0 takes a free one. The port.

    `trouble` names what is stuck, `lacks` what is waited for before it is ready, `leaves_out` what can't be served
    though it is ready; or nothing.
    """

    async def livez(_: web.Request) -> web.Response:
        stuck = liveness_problem()
        return _response(is_ok=not stuck, text=stuck or "alive")

    async def readyz(_: web.Request) -> web.Response:
        if lacking := readiness_problem():
            return _response(is_ok=False, text=f"waiting for {lacking}")
        left_out = degraded()
        return _response(is_ok=True, text=f"ready, but {left_out}" if left_out else "ready")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _response(*, is_ok: bool, text: str) -> web.Response:
    return web.Response(text=f"{text}\n", status=HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE)
