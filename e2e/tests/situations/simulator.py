"""A simulated relay of the situations, and its control through the API server's proxy."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from e2e import manifests
from e2e.tests.wait import eventually


@dataclass
class Simulator:
    """One Deployment and its Service."""

    kubectl: Callable[..., str]
    name: str
    namespace: str
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: bool = False

    @property
    def address(self) -> str:
        """What `spec.host` says."""
        return manifests.simulator_address(name=self.name, namespace=self.namespace)

    @property
    def host(self) -> str:
        """HOST in the keys of Redis."""
        return self.address.removeprefix("ws://")

    def start(self, apply: Callable[..., None], *args: str, up: bool) -> None:
        """Apply it, unless that was done; `up` waits until it answers, else it has no pod."""
        with self._lock:
            if self._started:
                return
            options = args or ("--rate", "5", "--label-rate", "1", "--first-seq", "clock")
            deployment, service = manifests.simulator(name=self.name, namespace=self.namespace, args=list(options))
            pod = deployment["spec"]["template"]["spec"]
            deployment["spec"]["replicas"] = int(up)
            pod["terminationGracePeriodSeconds"] = 0
            # A busy machine must not look like a source that is away.
            pod["containers"][0]["readinessProbe"] |= {"timeoutSeconds": 10, "failureThreshold": 10}
            pod["containers"][0]["resources"]["requests"]["cpu"] = "10m"
            apply(deployment, service)
            if up:
                self._wait()
            self._started = True

    def scale(self, replicas: int) -> None:
        """Take it away, or bring it back."""
        self.kubectl("scale", f"deployment/{self.name}", f"--replicas={replicas}")
        if replicas:
            self._wait()

    def control(self, path: str) -> Any:
        """GET `/control/<path>`."""
        return json.loads(self.kubectl("get", "--raw", f"{self._proxy}/control/{path}"))

    def command(self, path: str, **body: Any) -> Any:
        """POST `/control/<path>`."""
        return json.loads(
            self.kubectl("create", "--raw", f"{self._proxy}/control/{path}", "-f", "-", stdin=json.dumps(body))
        )

    def fault(self, name: str, **params: Any) -> Any:
        """Let something go wrong: e2e.relaysim.faults."""
        return self.command(f"fault/{name}", **params)

    def newest(self) -> int:
        """The newest seq, once there is one."""
        status = eventually(
            lambda: self.control("status")["repos"], until=lambda repos: repos["emitted"] > 0, within=60, every=0.5
        )
        return int(status["newest"])

    def _wait(self) -> None:
        self.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=120s")

    @property
    def _proxy(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/services/{self.name}:{manifests.SIMULATOR_PORT}/proxy"
