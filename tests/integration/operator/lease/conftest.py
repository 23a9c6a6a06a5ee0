"""A namespace, and operators that compete for the Lease in it."""

import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.lease.candidates import FAR_LEASE, USERS, LeaseNamespace, Pair, start_pair
from tests.integration.redis_server import RedisServer


@pytest.fixture
def place(control_plane: ControlPlane, sink: RedisServer) -> Iterator[LeaseNamespace]:
    place = LeaseNamespace(control_plane, f"test-{secrets.token_hex(3)}", sink)
    place.grant(*USERS)
    yield place
    place.remove()


@pytest.fixture
def candidate(place: LeaseNamespace, tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    """Creates operators without starting them. Each has its own user, with Roles in this namespace only."""
    made: list[OperatorProcess] = []

    def make(user: str, *, speed: float = 1.0, **environment: str) -> OperatorProcess:
        operator = OperatorProcess(
            place.control_plane,
            tmp_path / user,
            speed=speed,
            POD_NAME=user,
            SLUICE_DEFAULT_REDIS_URL=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0",
            SLUICE_LEADER_ELECTION="true",
            SLUICE_LEASE_NAMESPACE=place.namespace,
            **{
                "KUBECONFIG": str(place.control_plane.kubeconfig(user)),
                "SLUICE_WATCH_NAMESPACES": place.namespace,
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


@pytest.fixture
def pair(candidate: Callable[..., OperatorProcess]) -> Pair:
    """A leader and a standby."""
    return start_pair(candidate("first"), candidate("second"))


@pytest.fixture
def faulty_pair(candidate: Callable[..., OperatorProcess], proxy: FaultyProxy) -> Pair:
    """A leader behind the faulty proxy, and a standby."""
    return start_pair(candidate("first", KUBECONFIG=proxy.kubeconfig("first")), candidate("second"))


@pytest.fixture
def faulty_pair_with_far_lease(candidate: Callable[..., OperatorProcess], proxy: FaultyProxy) -> Pair:
    """The same, with a Lease that expires late."""
    leader = candidate("first", KUBECONFIG=proxy.kubeconfig("first"), **FAR_LEASE)
    return start_pair(leader, candidate("second", **FAR_LEASE))
