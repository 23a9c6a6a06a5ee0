"""Who has asked the API server for what: its audit log, read.

The server writes an event before it ends the request, so whoever has its answer finds it here. A watch is two: one
when it starts, one when it ends.
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
"""Everybody but the administrator and the control plane itself."""

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request for a resource, as it was answered."""

    user: str
    agent: str
    """The program, as it calls itself."""
    verb: str
    group: str
    """Empty for the core group."""
    resource: str
    """The plural with the subresource, such as `relays/status`."""
    namespace: str
    name: str
    is_dry_run: bool
    """Whether it was only to see what would come of it."""
    is_allowed: bool
    """Whether its user had the right to ask."""
    code: int
    """The HTTP status of the answer."""
    received: datetime
    answered: datetime

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES and not self.is_dry_run

    @property
    def right(self) -> tuple[str, str, str]:
        """What RBAC must grant to ask: group, resource, verb."""
        return self.group, self.resource, self.verb

    @property
    def rights(self) -> set[tuple[str, str, str]]:
        """What RBAC must grant for what has come of it: a patch that has created needs both."""
        created = self.verb in {"patch", "update"} and self.code == HTTPStatus.CREATED
        return {self.right} | ({(self.group, self.resource, "create")} if created else set())


class AuditLog:
    """The audit log, from a position on."""

    def __init__(self, path: Path, *, offset: int = 0) -> None:
        self._path = path
        self._offset = offset

    def from_now(self) -> "AuditLog":
        """The same log without what has been asked until now."""
        return AuditLog(self._path, offset=self._path.stat().st_size)

    def requests(self, *users: str) -> list[Request]:
        """The requests for resources, in the order of their ends; those of `users`, if some are named."""
        return [request for request in self._read() if not users or request.user in users]

    def writes(self, *users: str) -> list[Request]:
        """The requests that were to change something, those that were refused too."""
        return [request for request in self.requests(*users) if request.is_write]

    def _read(self) -> Iterator[Request]:
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                # The last line may be half-written.
                if line.endswith(b"\n") and (target := (event := json.loads(line)).get("objectRef")):
                    yield _request(event, target)


def _request(event: dict[str, Any], target: dict[str, Any]) -> Request:
    return Request(
        # Nobody's, for an API server that has just started may answer 401 to whom it knows a moment later.
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
