"""The HTTP server: /livez and /readyz for the kubelet, /metrics for Prometheus.

It runs on the event loop that does the work, so an operator that hangs does not respond. /livez fails if the work is
stuck. It does not fail because the API server or Redis is down: a restart would not bring them back.
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
    """Serve on `port` of all addresses while the context lasts. Yields the port, which is a free one if `port` is 0.

    Each function returns a problem in words, or an empty string:

    - `liveness_problem`: what is stuck;
    - `readiness_problem`: what the operator waits for before it is ready;
    - `degraded`: what can't be served although it is ready.
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
