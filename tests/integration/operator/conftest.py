"""A control plane, the operator as a process, and a namespace for each test."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.fork_server import ForkedProcess, fork_server
from tests.integration.operator.control_plane import MISSING, OPERATOR, PLURALS, ROOT, ControlPlane, fetch
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.rights import grant_everywhere, rules
from tests.integration.operator.situation import PATIENCE, Situation, eventually
from tests.integration.ports import free_port
from tests.integration.redis_server import BINARY, RedisServer


class OperatorProcess:
    """A process of `sluice-operator` that tests start, stop and kill. Its timers run `speed` times as fast."""

    def __init__(self, control_plane: ControlPlane, log: Path, *, speed: float = 1.0, **environment: str) -> None:
        self.port = free_port()
        self._speed = speed
        self._log = log
        self._environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(control_plane.kubeconfig(OPERATOR)),
            "SLUICE_INGESTER_IMAGE": "sluice:test",
            "SLUICE_PORT": str(self.port),
            "SLUICE_STATUS_INTERVAL_SECONDS": "2",
            "SLUICE_OBSERVE_INTERVAL_SECONDS": "0.5",
            "LOG_FORMAT": "plain",
            **environment,
        }
        self._process: ForkedProcess | None = None

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def returncode(self) -> int | None:
        return self._process.poll() if self._process else None

    @property
    def memory(self) -> int:
        """The resident memory in bytes."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def start(self, *, ready: bool = True) -> None:
        with self._log.open("ab") as log:
            self._process = fork_server("sluice_operator").start(
                environment=self._environment, output=log, speed=self._speed
            )
        deadline = time.monotonic() + 60
        while ready and self.get("readyz")[0] != 200:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(self.log[-3000:])
            time.sleep(0.1)

    def get(self, path: str, *, seconds: float = PATIENCE) -> tuple[int, str]:
        """The status and the body of a GET. The status is 0 if there is no answer in time."""
        try:
            return fetch(f"http://127.0.0.1:{self.port}/{path}", seconds=seconds)
        except OSError:
            return 0, ""

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        self.send(number)
        try:
            return self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


@contextmanager
def operator_behind_proxy(
    control_plane: ControlPlane, proxy: FaultyProxy, sink: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator for the tests of a module. It reaches the API server through the proxy, and there is no resync."""
    process = OperatorProcess(
        control_plane,
        tmp_path_factory.mktemp("operator") / "log",
        KUBECONFIG=proxy.kubeconfig(OPERATOR),
        SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{sink.port}/0",
        SLUICE_RESYNC_INTERVAL_SECONDS="86400",
    )
    process.start()
    yield process
    assert process.stop() == 0, process.log[-3000:]


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    if MISSING:
        pytest.skip(f"no control plane without {', '.join(MISSING)}: `make prepare` builds and installs them")
    control_plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        control_plane.start()
        control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        grant_everywhere(control_plane, rules(), OPERATOR)
        for kind in ("Relay", "Labeler"):  # kinds are served some time after their CRDs are stored
            eventually(partial(control_plane.request, "GET", PLURALS[kind]))
        yield control_plane
    finally:
        control_plane.stop()


@pytest.fixture(scope="session")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The operator's default Redis."""
    if BINARY is None:
        pytest.fail("redis-server or valkey-server is needed on PATH: install Redis 7 or newer")
    server = RedisServer(tmp_path_factory.mktemp("sink"), requirepass="s3cret")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, sink: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator that tests share. It serves all namespaces."""
    url = f"redis://:s3cret@127.0.0.1:{sink.port}/0"
    log = tmp_path_factory.mktemp("operator") / "log"
    process = OperatorProcess(control_plane, log, SLUICE_DEFAULT_REDIS_URL=url)
    audit = control_plane.audit.from_now()
    process.start()
    control_plane.has_shared_operator = True
    yield process
    control_plane.has_shared_operator = False
    code = process.stop()
    assert code == 0, process.log[-3000:]
    assert "s3cret" not in process.log
    assert "Traceback" not in process.log, process.log
    denied = {request.right for request in audit.requests(OPERATOR) if not request.is_allowed}
    assert not denied, "it has needed rights that the chart does not give"


@pytest.fixture
def situation(control_plane: ControlPlane, operator: OperatorProcess, sink: RedisServer) -> Iterator[Situation]:
    """An empty namespace that the shared operator serves, and methods that act as user, kubelet and ingester."""
    assert operator.returncode is None, operator.log[-3000:]
    situation = Situation(control_plane, f"test-{secrets.token_hex(3)}", sink)
    situation.operator = operator
    yield situation
    situation.remove()


@pytest.fixture
def own_operator(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    """Starts operators for one test. The shared operator serves all namespaces, so it must not run meanwhile."""
    assert not control_plane.has_shared_operator, (
        "two operators would serve one namespace: give these tests another file"
    )
    processes: list[OperatorProcess] = []

    def start(**environment: Any) -> OperatorProcess:
        process = OperatorProcess(control_plane, tmp_path / f"operator{len(processes)}", **environment)
        processes.append(process)
        process.start()
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.stop(signal.SIGKILL)


@pytest.fixture
def place(control_plane: ControlPlane, sink: RedisServer) -> Iterator[Situation]:
    """A namespace that no operator serves yet."""
    place = Situation(control_plane, f"test-{secrets.token_hex(3)}", sink)
    yield place
    place.remove()


@pytest.fixture
def other_place(control_plane: ControlPlane, sink: RedisServer) -> Iterator[Situation]:
    """Another namespace that no operator serves yet."""
    place = Situation(control_plane, f"test-{secrets.token_hex(3)}", sink)
    yield place
    place.remove()


@pytest.fixture
def start(own_operator: Callable[..., OperatorProcess], place: Situation) -> Callable[..., OperatorProcess]:
    """Starts an operator that serves only the namespace of `place`."""

    def start(**environment: str) -> OperatorProcess:
        url = f"redis://:s3cret@127.0.0.1:{place.sink.port}/0"
        operator = own_operator(SLUICE_WATCH_NAMESPACES=place.namespace, SLUICE_DEFAULT_REDIS_URL=url, **environment)
        place.operator = operator
        return operator

    return start


@pytest.fixture(scope="module")
def proxy(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyProxy]:
    """A proxy to the API server that injects faults."""
    proxy = FaultyProxy(control_plane, tmp_path_factory.mktemp("proxy"))
    proxy.start()
    yield proxy
    proxy.stop()
