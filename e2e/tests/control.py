"""The control interface of a simulated relay (e2e.relaysim.control), through the API server's proxy to its Service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from e2e import manifests
from e2e.cluster.errors import ClusterError

_PATIENCE_SECONDS: Final = 600.0
_NOT_REACHED: Final = ("no endpoints available", 'services "', "error trying to reach service: dial")


@dataclass(frozen=True, kw_only=True)
class Control:
    """The control interface of one simulator."""

    kubectl: Callable[..., str]
    service: str
    namespace: str

    def get(self, path: str) -> Any:
        """GET `/control/<path>`."""
        return self._ask("get", path)

    def post(self, path: str, **body: Any) -> Any:
        """POST `/control/<path>` with `body`."""
        return self._ask("create", path, "-f", "-", stdin=json.dumps(body))

    def _ask(self, verb: str, path: str, *args: str, stdin: str | None = None) -> Any:
        """Tries again while the simulator was not reached: its Service may have no endpoint for a moment."""
        url = f"/api/v1/namespaces/{self.namespace}/services/{self.service}:{manifests.SIMULATOR_PORT}/proxy"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return json.loads(self.kubectl(verb, "--raw", f"{url}/control/{path}", *args, stdin=stdin))
            except ClusterError as error:
                repeatable = verb == "get" or any(words in str(error) for words in _NOT_REACHED)
                if not repeatable or time.monotonic() > deadline:
                    raise
            time.sleep(1)
