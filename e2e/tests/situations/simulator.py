"""A simulated relay of the situations, and its control interface through the API server's proxy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from e2e import manifests
from e2e.tests.control import Control
from e2e.tests.wait import eventually

_DEFAULTS: Final = ("--rate", "5", "--label-rate", "1", "--first-seq", "clock", "--first-label-seq", "clock")
"""A restart of its pod must not make a stored cursor one of the future: both streams go on with higher seqs."""


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
        """The value for `spec.host`."""
        return manifests.simulator_address(name=self.name, namespace=self.namespace)

    @property
    def host(self) -> str:
        """HOST in the names of keys in Redis."""
        return self.address.removeprefix("ws://")

    def start(self, apply: Callable[..., None], *args: str, up: bool) -> None:
        """Apply it, unless that was done; `up` waits until it answers, else it has no pod."""
        with self._lock:
            if self._started:
                return
            options = args or _DEFAULTS
            deployment, service = manifests.simulator(name=self.name, namespace=self.namespace, args=list(options))
            pod = deployment["spec"]["template"]["spec"]
            deployment["spec"]["replicas"] = int(up)
            pod["terminationGracePeriodSeconds"] = 0
            pod["containers"][0]["resources"]["requests"]["cpu"] = "10m"
            apply(deployment, service)
            if up:
                self._wait()
            self._started = True

    def scale(self, replicas: int) -> None:
        """Scale to 0 or back to 1."""
        self.kubectl("scale", f"deployment/{self.name}", f"--replicas={replicas}")
        if replicas:
            self._wait()

    @property
    def control(self) -> Control:
        """Its control interface."""
        return Control(kubectl=self.kubectl, service=self.name, namespace=self.namespace)

    def fault(self, name: str, **params: Any) -> Any:
        """Inject a fault, see e2e.relaysim.faults."""
        return self.control.post(f"fault/{name}", **params)

    def newest(self) -> int:
        """The newest seq, once there is one."""
        status = eventually(
            lambda: self.control.get("status")["repos"], until=lambda repos: repos["emitted"] > 0, every=0.5
        )
        return int(status["newest"])

    def _wait(self) -> None:
        self.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=280s")
