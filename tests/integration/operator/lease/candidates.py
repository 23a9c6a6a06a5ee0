"""Two operators that compete for a Lease, each with its own user, and the requests that they write."""

import logging
import secrets
import threading
from datetime import datetime
from itertools import count, pairwise
from typing import Any, TypeAlias

from tests.integration.operator.audit import AuditLog, Request
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import Manifest
from tests.integration.operator.rights import LEASE, grant, lease_rules, rules
from tests.integration.operator.situation import Situation, eventually

logger = logging.getLogger(__name__)

Pair: TypeAlias = tuple[OperatorProcess, OperatorProcess]
"""The leader and its standby."""

USERS = ("first", "second")
LEASE_SECONDS = 10
"""How long a Lease lasts by default."""
FAILOVER_SECONDS = 20
"""Until another writes, with such a Lease."""
LONG_SECONDS = 20
LONG_LEASE = {"SLUICE_LEASE_DURATION_SECONDS": str(LONG_SECONDS)}
"""For operators that must stay leader although they can't renew for a while, also on a busy machine."""
FAR_SECONDS = 40
FAR_LEASE = {"SLUICE_LEASE_DURATION_SECONDS": str(FAR_SECONDS)}
"""For tests in which another must lead before the Lease expires, also on a busy machine."""
BEFORE_EXPIRY_SECONDS = FAR_SECONDS - 5


class LeaseNamespace(Situation):
    """A namespace that both operators serve, with their Lease."""

    def grant(self, *users: str) -> None:
        grant(self.control_plane, self.namespace, rules() + lease_rules(), *users)

    def apply(self, name: str, *, kind: str = "Relay", **spec: Any) -> None:
        manifest = {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"host": f"ws://{name}.{self.host}", **spec},
        }
        self.control_plane.apply(manifest)

    def lease(self) -> Manifest:
        spec: Manifest = self.get("Lease", LEASE)["spec"]
        return spec

    def wait_first_write(self, log: AuditLog, *users: str) -> None:
        """Wait until these users write in this namespace."""
        eventually(lambda: self.writes(log, *users))

    def writes(self, log: AuditLog, *users: str) -> list[Request]:
        """The writes in this namespace, except those of the Lease."""
        return [
            request
            for request in log.writes(*users)
            if request.namespace == self.namespace and request.resource != "leases"
        ]


class ConstantEdits:
    """Edits resources all the time, so that the leader always has something to write."""

    def __init__(self, place: LeaseNamespace, *, resources: int = 5) -> None:
        self._place = place
        self._names = [f"load-{number}" for number in range(resources)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._edit)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _edit(self) -> None:
        for number in count():
            if self._over.wait(0.1):
                return
            self._place.apply(self._names[number % len(self._names)], batch={"size": 1 + number % 999})


def start_pair(leader: OperatorProcess, standby: OperatorProcess) -> Pair:
    leader.start()
    eventually(lambda: leads(leader))
    standby.start()
    return leader, standby


def leads(operator: OperatorProcess) -> bool:
    return "sluice_leader 1.0" in operator.get("metrics")[1]


def seconds_to_take_over(
    place: LeaseNamespace, standby: OperatorProcess, *, log: AuditLog, since: datetime, limit: float = FAILOVER_SECONDS
) -> float:
    """The seconds from `since` until the standby has the Lease and has created a child of a new resource."""
    name = f"after-{secrets.token_hex(3)}"
    place.apply(name)
    eventually(lambda: place.get("Deployment", f"{name}-firehose"), seconds=limit)
    eventually(lambda: leads(standby))
    user = place.lease()["holderIdentity"].split("_")[0]
    # An object is visible before the audit log has its creation.
    eventually(lambda: f"{name}-firehose" in {request.name for request in place.writes(log, user)})
    written = place.writes(log, user)[0]
    seconds = (written.answered - since).total_seconds()
    logger.info("%s writes %.1f s after the other has ended", user, seconds)
    return seconds


def assert_one_writes_at_a_time(place: LeaseNamespace, log: AuditLog, *leaders: str) -> None:
    """Each of `leaders`, in this order, writes only after the last write of the one before it."""
    order = sorted(place.writes(log, *USERS), key=lambda request: request.received)
    turns = [request.user for request in order]
    assert [user for at, user in enumerate(turns) if at == 0 or turns[at - 1] != user] == list(leaders)
    for before, after in pairwise(order):
        assert before.user == after.user or before.answered < after.received
