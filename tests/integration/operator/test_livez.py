"""/livez: what makes it fail, and what does not."""

import asyncio
import secrets
import signal
import socket
from collections.abc import Callable

import pytest

from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes import transport as transport_module
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.connection import connect
from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.telemetry import watchdog as heartbeat_module
from sluice_operator.telemetry.watchdog import liveness_problem
from tests.fakes.served import served_namespaces
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import never_answer
from tests.integration.operator.situation import Situation, now

ALIVE = (200, "alive\n")


def test_a_frozen_process_does_not_answer(place: Situation, start: Callable[..., OperatorProcess]) -> None:
    operator = start()
    operator.send(signal.SIGSTOP)
    assert operator.get("livez", seconds=5) == (0, "")
    operator.send(signal.SIGCONT)
    assert operator.get("livez") == ALIVE
    place.apply_relay()
    place.stream()


def test_a_redis_that_accepts_connections_and_never_answers(
    control_plane: ControlPlane, place: Situation, own_operator: Callable[..., OperatorProcess]
) -> None:
    neighbour = Situation(control_plane, f"test-{secrets.token_hex(3)}", place.sink)
    operator = own_operator(
        SLUICE_WATCH_NAMESPACES=f"{place.namespace},{neighbour.namespace}",
        SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0",
        SLUICE_WORKERS="1",
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place.apply_secret("silent", url=f"redis://127.0.0.1:{silent.getsockname()[1]}")
        place.apply_relay(redis={"secretRef": {"name": "silent"}})
        place.set_container(place.pod(), running={"startedAt": now()})
        place.wait_condition("SinkWritable", "False", "SinkUnreachable")
        neighbour.apply_relay()
        neighbour.stream()
        assert operator.get("livez") == ALIVE
    neighbour.remove()


async def test_an_endless_list_ends_the_process(
    proxy: FaultyProxy, place: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This happens if the client's own timeout does not work."""
    monkeypatch.setattr(transport_module, "REQUEST_TIMEOUT", None)
    monkeypatch.setattr(heartbeat_module, "OVERDUE_SECONDS", 5.0)
    monkeypatch.setenv("KUBECONFIG", proxy.kubeconfig(OPERATOR))
    queue: WorkQueue[SourceKey] = WorkQueue()
    async with connect() as (kube, _):
        resync = Resync(
            kinds=KINDS.watched,
            client=kube,
            cache=Cache(KINDS.watched),
            freshness=WatchFreshness(),
            add=queue.add,
            namespaces=served_namespaces(place.namespace),
            interval_seconds=0.2,
        )
        await resync.list_first()
        work = asyncio.create_task(resync.run())
        await asyncio.sleep(0.5)
        assert liveness_problem(queue, resync) == ""
        with proxy.inject(never_answer, "list", "pods", namespace=place.namespace):
            async with asyncio.timeout(60):
                while liveness_problem(queue, resync) != "stuck: everything should have been listed long ago":
                    await asyncio.sleep(0.1)
        work.cancel()
