"""Watches that become silent: the connection stays open, and no event arrives any more.

- The next resync corrects what they miss.
- If a watch misses further changes, the process ends, and the next one starts with new watches.
- If the API server sends nothing at all, the process does not end.

Slow cases run at the same time, each with its own namespace and its own operator.
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
"""Seconds: the minimum that the setting allows."""
GRACE = 30
SPEED = 3.0
"""How many times as fast as real time the operators' timers run."""


class Scene:
    """An operator with one streaming Relay."""

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

    def has_ended(self) -> bool:
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
    silent = {"relays": relays, "deployments": deployments, "pods": pods}
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
        for one in silent.values():
            assert one.operator.get("livez") == (200, "alive\n")
        _assert_survives_silence(scene(), proxy)
        for kind, one in silent.items():
            eventually(one.has_ended, seconds=2 * GRACE + 3 * RESYNC)
            assert f"the watch of {kind} has missed a change of {one.place.namespace}/" in one.operator.log
    for one in silent.values():
        one.operator.start()
    relays.place.apply_relay(suspend=False)
    for one in silent.values():
        one.resize()
        eventually(one.is_as_wanted)
    assert pods.place.status()["restarts"]["count"] == 2


def _assert_survives_silence(one: Scene, proxy: FaultyProxy) -> None:
    """The API server sends nothing at all; then it answers again, but the watches have missed changes."""
    with proxy.silence(namespace=one.place.namespace), proxy.inject(never_answer, namespace=one.place.namespace):
        one.resize()
        for _ in range(2 * RESYNC):
            time.sleep(1)
            assert one.operator.get("livez") == (200, "alive\n")
    eventually(one.is_as_wanted, seconds=2 * GRACE + 3 * RESYNC)
    assert one.operator.get("livez") == (200, "alive\n")


def test_a_deletion_that_a_silent_watch_missed(scene: Callable[[], Scene], proxy: FaultyProxy) -> None:
    one = scene()
    with proxy.silence("deployments", namespace=one.place.namespace):
        one.place.delete("Deployment", one.place.child)
        eventually(one.place.deployment)


def test_an_error_that_kopf_can_not_continue_from_ends_the_process(
    scene: Callable[[], Scene], proxy: FaultyProxy
) -> None:
    one = scene()
    with proxy.inject(refuse(410), "watch", "pods", namespace=one.place.namespace):
        proxy.cut_watches("pods", namespace=one.place.namespace)
        eventually(lambda: one.operator.returncode == 1)
    one.operator.start()
    one.place.run_pod(restarts=1, last=ERROR)
    eventually(lambda: one.place.status()["restarts"]["count"] == 1)
