"""What the situations share: the installation, a namespace, a simulated relay and who records."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from e2e import deploy, manifests
from e2e.cluster.provider import Cluster
from e2e.tests.situations.recorder import Recorder
from e2e.tests.situations.simulator import Simulator
from e2e.tests.wait import eventually

CALM = "calm"
"""The simulator of all situations in which the source is not the trouble."""


@dataclass
class World:
    """One for all situations."""

    cluster: Cluster
    recorder: Recorder
    namespace: str
    redis_url: str
    """Of the installation's own Redis, for pods."""
    run: str = field(default_factory=lambda: f"{time.time():.0f}")
    """Stands in the names of keys, since the installation's Redis keeps those of earlier runs."""
    _replicas: int = 1
    _operator: ClassVar = f"deployment/{deploy.RELEASE}"
    _selector: ClassVar = ("--selector", "app.kubernetes.io/component=operator")
    _simulators: dict[str, Simulator] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def encoded_redis_url(self) -> str:
        """The same, as it stands in a Secret."""
        return base64.b64encode(self.redis_url.encode()).decode()

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl in the situations' namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *args, stdin=stdin)

    def apply(self, *objects: manifests.Manifest) -> None:
        """Apply them."""
        deploy.apply(self.cluster, *objects)

    def secret(self, name: str, **data: str) -> None:
        """Apply a Secret."""
        metadata = {"name": name, "namespace": self.namespace}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    def simulator(self, name: str = CALM, *args: str, up: bool = True) -> Simulator:
        """The simulated relay of that name, started if it is not there."""
        with self._lock:
            known = self._simulators.setdefault(
                name, Simulator(kubectl=self.kubectl, name=f"sim-{name}", namespace=self.namespace)
            )
        known.start(self.apply, *args, up=up)
        return known

    def stop_operator(self) -> None:
        """End all its replicas in good order."""
        found = self._system("get", self._operator, "-o", "jsonpath={.spec.replicas}")
        self._replicas = int(found) or self._replicas
        self._system("scale", self._operator, "--replicas=0")
        eventually(self.operator_pods, until=lambda pods: pods == [], within=120)

    def start_operator(self) -> None:
        """Bring back as many as there were."""
        self._system("scale", self._operator, f"--replicas={self._replicas}")
        self._system("rollout", "status", self._operator, "--timeout=180s")

    def operator_pods(self) -> list[str]:
        """The pods of the operator, those that are about to end included."""
        return self._system("get", "pods", *self._selector, "-o", "name").split()

    def kill_operator(self) -> None:
        """End all its pods at once, without a chance to tidy up."""
        self._system("delete", "pod", *self._selector, "--grace-period=0", "--force", "--wait=false")

    def _system(self, *args: str) -> str:
        return self.cluster.kubectl("--namespace", deploy.NAMESPACE, *args)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, maps by their keys."""
    result = dict(base)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result
