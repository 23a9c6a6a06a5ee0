"""Watches that die without a word: the connection stands, and nothing comes any more.

What they miss is put right by the next resync. A watch that goes on missing things ends the process, and the
next one begins anew. An API server from which nothing comes at all is no fault of the operator's.

What takes long runs side by side, each in a namespace of its own with an operator of its own.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import never_answer, refuse
from tests.integration.operator.situation import ERROR, Situation, eventually
from tests.integration.redis_server import RedisServer

RESYNC = 5
"""Seconds, the least that is allowed."""
GRACE = 30
SPEED = 3.0
"""The operators' timers run so many times as fast as the clock on the wall."""


class Scene:
    """An operator with one Relay, which is streaming, before anything goes wrong."""

    def __init__(self, control_plane: ControlPlane, proxy: FaultyProxy, sink: RedisServer, log: Path) -> None:
        self.place = Situation(control_plane, f"test-{secrets.token_hex(3)}", sink)
        self.others = Situation(control_plane, f"test-{secrets.token_hex(3)}", sink)
        self.operator = OperatorProcess(
            control_plane,
            log,
            speed=SPEED,
            KUBECONFIG=proxy.kubeconfig(OPERATOR),
            SLUICE_WATCH_NAMESPACES=f"{self.others.namespace},{self.place.namespace}",
            SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{sink.port}/0",
            SLUICE_RESYNC_INTERVAL_SECONDS=str(RESYNC),
        )
        self.operator.start()
        self.place.apply_relay()
        self.place.stream()

    def resize(self) -> None:
        self.place.patch("Deployment", self.place.child, {"spec": {"replicas": 3}})

    def is_as_wanted(self) -> bool:
        return bool(self.place.deployment()["spec"]["replicas"] == 1)

    def is_over(self) -> bool:
        return self.operator.returncode == 1

    def remove(self) -> None:
        if self.operator.returncode is None:
            self.operator.stop()
        self.place.remove()
        self.others.remove()


@pytest.fixture
def scene(
    control_plane: ControlPlane, proxy: FaultyProxy, sink: RedisServer, tmp_path: Path
) -> Iterator[Callable[[], Scene]]:
    scenes: list[Scene] = []

    def make() -> Scene:
        scenes.append(Scene(control_plane, proxy, sink, tmp_path / f"operator{len(scenes)}"))
        return scenes[-1]

    yield make
    for one in scenes:
        one.remove()


def test_silent_watches(scene: Callable[[], Scene], proxy: FaultyProxy) -> None:
    relays, deployments, pods = scene(), scene(), scene()
    blind = {"relays": relays, "deployments": deployments, "pods": pods}
    since = time.monotonic()
    with (
        proxy.silence("relays", namespace=relays.place.namespace),
        proxy.silence("deployments", namespace=deployments.place.namespace),
        proxy.silence("pods", namespace=pods.place.namespace),
    ):
        relays.place.apply_relay(suspend=True)
        deployments.resize()
        pods.place.run_pod(restarts=2, last=ERROR)
        relays.place.wait_condition("Ready", "True", "Suspended")
        eventually(deployments.is_as_wanted)
        eventually(lambda: pods.place.status()["restarts"]["count"] == 2)
        assert time.monotonic() - since < GRACE
        for one in blind.values():
            assert one.operator.get("livez") == (200, "alive\n")
        _outlasts_silence(scene(), proxy)
        for kind, one in blind.items():
            eventually(one.is_over, seconds=2 * GRACE + 3 * RESYNC)
            assert f"the watch of {kind} has missed a change of {one.place.namespace}/" in one.operator.log
    for one in blind.values():
        one.operator.start()
    relays.place.apply_relay(suspend=False)
    for one in blind.values():
        one.resize()
        eventually(one.is_as_wanted)
    assert pods.place.status()["restarts"]["count"] == 2


def _outlasts_silence(one: Scene, proxy: FaultyProxy) -> None:
    """Nothing comes from the API server at all, and then everything but what its watches have missed."""
    with proxy.silence(namespace=one.place.namespace), proxy.inject(never_answer, namespace=one.place.namespace):
        one.resize()
        for _ in range(2 * RESYNC):
            time.sleep(1)
            assert one.operator.get("livez") == (200, "alive\n")
    eventually(one.is_as_wanted, seconds=2 * GRACE + 3 * RESYNC)
    assert one.operator.get("livez") == (200, "alive\n")


def test_a_deletion_that_a_silent_watch_has_missed(scene: Callable[[], Scene], proxy: FaultyProxy) -> None:
    one = scene()
    with proxy.silence("deployments", namespace=one.place.namespace):
        one.place.delete("Deployment", one.place.child)
        eventually(one.place.deployment)


def test_a_refusal_that_kopf_can_not_go_on_from_ends_it(scene: Callable[[], Scene], proxy: FaultyProxy) -> None:
    one = scene()
    with proxy.inject(refuse(410), "watch", "pods", namespace=one.place.namespace):
        proxy.cut_watches("pods", namespace=one.place.namespace)
        eventually(lambda: one.operator.returncode == 1)
    one.operator.start()
    one.place.run_pod(restarts=1, last=ERROR)
    eventually(lambda: one.place.status()["restarts"]["count"] == 1)
