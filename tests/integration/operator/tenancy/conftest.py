"""Namespaces for two releases, and operators of which each is a release."""

import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.tenancy.releases import SPEED, Namespace
from tests.integration.redis_server import RedisServer


@pytest.fixture
def namespace(control_plane: ControlPlane, sink: RedisServer) -> Iterator[Callable[[], Namespace]]:
    """Creates namespaces in which both releases have their rights."""
    made: list[Namespace] = []

    def make() -> Namespace:
        made.append(Namespace(control_plane, f"test-{secrets.token_hex(3)}", sink))
        made[-1].grant()
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def release(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    """Creates operators without starting them. Each is a release with its own user and its own default Redis."""
    made: list[OperatorProcess] = []

    def make(
        user: str, *namespaces: Namespace, proxy: FaultyProxy | None = None, speed: float = SPEED, **environment: str
    ) -> OperatorProcess:
        operator = OperatorProcess(
            control_plane,
            tmp_path / user,
            speed=speed,
            **{
                "KUBECONFIG": proxy.kubeconfig(user) if proxy else str(control_plane.kubeconfig(user)),
                "POD_NAME": user,
                "SLUICE_LEASE_NAMESPACE": f"{user}-system",
                "SLUICE_DEFAULT_REDIS_URL": f"redis://:s3cret@{user}.example:6379/0",
                "SLUICE_WATCH_NAMESPACES": ",".join(place.namespace for place in namespaces),
                "SLUICE_RESYNC_INTERVAL_SECONDS": "5",
                **environment,
            },
        )
        made.append(operator)
        return operator

    yield make
    for operator in made:
        if operator.returncode is None:
            operator.send(signal.SIGCONT)
            operator.stop(signal.SIGKILL)
        assert "Traceback" not in operator.log, operator.log
