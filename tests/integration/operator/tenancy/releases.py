"""A namespace that two releases watch, and the requests of each release in it."""

import base64
from contextlib import suppress
from typing import Any, Final

from tests.integration.operator.audit import AuditLog, Request
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import ApiServerError, Manifest
from tests.integration.operator.rights import grant, rules
from tests.integration.operator.situation import Situation

FIRST: Final = "first"
SECOND: Final = "second"
LEASE: Final = "sluice.dev"
SPEED: Final = 4.0
"""How many times as fast as real time the operators' timers run. All limits below are in the operators' seconds."""
TAKEOVER_SECONDS: Final = 150
"""A Lease expires after 60 s, which is 15 s of real time. The rest is for a busy machine."""


class Namespace(Situation):
    """A namespace with one Relay."""

    def grant(self, granted: list[Manifest] | None = None, *users: str) -> None:
        grant(self.control_plane, self.namespace, rules() if granted is None else granted, *(users or (FIRST, SECOND)))

    def lease(self) -> Manifest | None:
        try:
            lease: Manifest = self.get("Lease", LEASE)
        except ApiServerError as error:
            if error.code != 404:
                raise
            return None
        return lease

    def holder(self) -> str:
        lease = self.lease()
        return str((lease or {"spec": {}})["spec"].get("holderIdentity") or "")

    def default_redis(self) -> str:
        """The user whose default Redis is in the Secret."""
        secret = self.get("Secret", "sluice-redis-url")
        return base64.b64decode(secret["data"]["url"]).decode().rpartition("@")[2].partition(".")[0]

    def writes(self, log: AuditLog, user: str) -> list[Request]:
        """The writes in this namespace, except those of Leases."""
        return [
            request
            for request in log.writes(user)
            if request.namespace == self.namespace and request.resource != "leases"
        ]

    def lease_requests(self, log: AuditLog, user: str) -> list[Request]:
        """The requests for the Lease of this namespace."""
        return [
            request
            for request in log.requests(user)
            if request.namespace == self.namespace and request.resource == "leases"
        ]

    def is_served(self, operator: OperatorProcess, *, served: bool) -> bool:
        return f'sluice_namespace_served{{namespace="{self.namespace}"}} {float(served)}' in operator.get("metrics")[1]

    def remove(self) -> None:
        with suppress(ApiServerError):  # a test may have deleted it
            super().remove()

    def edit(self, **spec: Any) -> None:
        self.apply_relay(**spec)
