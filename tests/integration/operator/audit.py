"""Reads the audit log of the API server: who requested what.

The server writes the audit event before it ends the request. So an answered request is always in the log. A watch has
two events: one when it starts, one when it ends.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:masters"]},
        {"level": "None", "users": ["system:apiserver", "system:anonymous"]},
        {"level": "Metadata"},
    ],
}
"""Log all users except the administrator and the control plane itself."""

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request for a resource, with the status of its answer."""

    user: str
    agent: str
    """The user agent."""
    verb: str
    group: str
    """Empty for the core group."""
    resource: str
    """The plural with the subresource, such as `relays/status`."""
    namespace: str
    name: str
    is_dry_run: bool
    """Whether nothing was to be stored."""
    is_allowed: bool
    """Whether the user had the right for it."""
    code: int
    """The HTTP status of the answer."""
    received: datetime
    answered: datetime

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES and not self.is_dry_run

    @property
    def right(self) -> tuple[str, str, str]:
        """The right that RBAC must grant for the request: group, resource, verb."""
        return self.group, self.resource, self.verb

    @property
    def rights(self) -> set[tuple[str, str, str]]:
        """The rights that RBAC must grant for its effect: a patch that created the object needs two."""
        created = self.verb in {"patch", "update"} and self.code == HTTPStatus.CREATED
        return {self.right} | ({(self.group, self.resource, "create")} if created else set())


class AuditLog:
    """The audit log from a position in the file on."""

    def __init__(self, path: Path, *, offset: int = 0) -> None:
        self._path = path
        self._offset = offset

    def from_now(self) -> "AuditLog":
        """The same log without the requests so far."""
        return AuditLog(self._path, offset=self._path.stat().st_size)

    def requests(self, *users: str) -> list[Request]:
        """The requests for resources, in the order of their ends. `users` restricts them to those users."""
        return [request for request in self._read() if not users or request.user in users]

    def writes(self, *users: str) -> list[Request]:
        """The requests that write, refused ones included."""
        return [request for request in self.requests(*users) if request.is_write]

    def _read(self) -> Iterator[Request]:
        with self._path.open("rb") as log:
            if self._offset:
                # A line that was half written then belongs to the requests before.
                log.seek(self._offset - 1)
                log.readline()
            for line in log:
                # The last line may be incomplete.
                if line.endswith(b"\n") and (target := (event := json.loads(line)).get("objectRef")):
                    yield _request(event, target)


def _request(event: dict[str, Any], target: dict[str, Any]) -> Request:
    return Request(
        # Empty if the API server has just started: it may answer 401 to users that it knows a moment later.
        user=event["user"].get("username", ""),
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource="/".join(filter(None, (target["resource"], target.get("subresource")))),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        is_dry_run="dryRun=" in event.get("requestURI", ""),
        is_allowed=event.get("annotations", {}).get("authorization.k8s.io/decision") == "allow",
        code=event.get("responseStatus", {}).get("code", 0),
        received=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        answered=datetime.fromisoformat(event["stageTimestamp"]),
    )
