"""What all situations of one namespace share: the installation, simulated relays, and the recorder."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import redis

from e2e import deploy, manifests
from e2e.tests.installation import Installation
from e2e.tests.situations.recorder import Recorder
from e2e.tests.situations.simulator import Simulator
from sluice_operator.kinds.registry import KINDS

CALM = "calm"
"""The simulator of all situations in which nothing is wrong with the source."""


@dataclass
class Environment:
    """One for all situations of a namespace."""

    installation: Installation
    recorder: Recorder
    namespace: str
    run: str = field(default_factory=lambda: f"{time.time():.0f}")
    """A part of the names of keys, since the release's Redis keeps those of earlier runs."""
    _simulators: dict[str, Simulator] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        password = urlsplit(self.redis_url).password
        self._redis = redis.Redis(port=self.installation.redis_port, password=password, decode_responses=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.close()

    @property
    def redis_url(self) -> str:
        """The URL of the release's Redis, for pods."""
        return self.installation.redis_url

    @property
    def encoded_redis_url(self) -> str:
        """The same in Base64, as in a Secret."""
        return base64.b64encode(self.redis_url.encode()).decode()

    def redis(self, *command: str) -> str:
        """Send a command to the release's Redis; the answer as text, empty for none."""
        answer = self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        return "" if answer is None else str(answer)

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl in the situations' namespace."""
        return self.installation.cluster.kubectl("--namespace", self.namespace, *args, stdin=stdin)

    def apply(self, *objects: manifests.Manifest) -> None:
        """Apply them."""
        deploy.apply(self.installation.cluster, *objects)

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

    def remove_sources(self) -> None:
        """Delete all resources, and all Deployments and pods of simulators, Redis servers and webhooks."""
        self.kubectl("delete", ",".join(kind.crd_name for kind in KINDS), "--all", "--timeout=280s")
        self.kubectl("delete", "deployments.apps,pods", "--all", "--wait=false")


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`; maps are merged by their keys."""
    result = dict(base)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result
