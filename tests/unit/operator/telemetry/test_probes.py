"""The HTTP server with the probes, requested as a kubelet does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes import workqueue as workqueue_module
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.telemetry import watchdog as watchdog_module
from sluice_operator.telemetry.probes import serve_http
from sluice_operator.telemetry.watchdog import liveness_problem
from tests.fakes.served import served_namespaces
from tests.integration.ports import free_port

KEY = SourceKey("Relay", "n", "us-east")


@pytest.fixture
def queue() -> WorkQueue[SourceKey]:
    return WorkQueue()


@pytest.fixture
async def url(queue: WorkQueue[SourceKey]) -> AsyncIterator[str]:
    kube: KubernetesClient = None  # type: ignore[assignment]  # nothing is listed
    resync = Resync(
        kinds=KINDS.watched,
        client=kube,
        cache=Cache(KINDS.watched),
        freshness=WatchFreshness(),
        add=queue.add,
        namespaces=served_namespaces(),
        interval_seconds=300,
    )
    async with serve_http(
        free_port(),
        liveness_problem=lambda: liveness_problem(queue, resync),
        readiness_problem=lambda: "rights",
        registry=CollectorRegistry(),
    ) as port:
        yield f"http://127.0.0.1:{port}"


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_a_waiting_process_is_live_and_not_ready(url: str) -> None:
    assert await get(f"{url}/livez") == (200, "alive\n")
    assert await get(f"{url}/readyz") == (503, "waiting for rights\n")


async def test_an_unserved_kind_is_reported_and_the_process_stays_ready() -> None:
    problem = ""
    async with serve_http(
        free_port(),
        liveness_problem=lambda: "",
        readiness_problem=lambda: "",
        degraded=lambda: problem,
        registry=CollectorRegistry(),
    ) as port:
        assert await get(f"http://127.0.0.1:{port}/readyz") == (200, "ready\n")
        problem = "There is no CRD for labelers"
        assert await get(f"http://127.0.0.1:{port}/readyz") == (200, "ready, but There is no CRD for labelers\n")


async def test_a_reconciliation_that_cannot_be_cancelled_fails_liveness(
    queue: WorkQueue[SourceKey], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workqueue_module, "RECONCILE_TIMEOUT_SECONDS", 0.1)
    release = asyncio.Event()

    async def hang(_: SourceKey) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    work = asyncio.create_task(queue.run(hang, workers=1))
    queue.add(KEY)
    try:
        await asyncio.sleep(0.2)
        assert await get(f"{url}/livez") == (200, "alive\n")
        monkeypatch.setattr(watchdog_module, "STUCK_SECONDS", 0.1)
        assert await get(f"{url}/livez") == (503, "stuck: Relay n/us-east\n")
    finally:
        release.set()
    async with asyncio.timeout(60):
        while await get(f"{url}/livez") != (200, "alive\n"):
            await asyncio.sleep(0.01)
    work.cancel()
