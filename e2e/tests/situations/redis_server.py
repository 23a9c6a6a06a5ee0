"""A Redis that one situation has to itself, and may break."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from e2e.cluster.images import REDIS


@dataclass(frozen=True)
class RedisServer:
    """A pod without a volume, and its Service."""

    name: str
    namespace: str
    kubectl: Callable[..., str]

    @property
    def url(self) -> str:
        """Its URL, for pods."""
        return f"redis://{self.name}.{self.namespace}.svc:6379/0"

    def start(self) -> str:
        """Apply it and wait until it answers; its URL."""
        objects = {"apiVersion": "v1", "kind": "List", "items": self._objects()}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(objects))
        self._wait()
        return self.url

    def scale(self, replicas: int) -> None:
        """Scale to 0 or back to 1; then it is empty."""
        self.kubectl("scale", f"deployment/{self.name}", f"--replicas={replicas}")
        if replicas:
            self._wait()

    def cli(self, *command: str) -> str:
        """Run redis-cli in it."""
        return self.kubectl("exec", f"deployment/{self.name}", "--", "redis-cli", *command)

    def _wait(self) -> None:
        self.kubectl("rollout", "status", f"deployment/{self.name}", "--timeout=280s")

    def _objects(self) -> list[dict[str, Any]]:
        labels = {"app.kubernetes.io/name": "redis", "app.kubernetes.io/instance": self.name}
        metadata = {"name": self.name, "namespace": self.namespace, "labels": labels}
        container = {
            "name": "redis",
            "image": REDIS.tag,
            "imagePullPolicy": "IfNotPresent",
            "command": ["redis-server", "--save", "", "--maxmemory-policy", "noeviction"],
            "ports": [{"name": "redis", "containerPort": 6379}],
            "readinessProbe": {
                "tcpSocket": {"port": "redis"},
                "periodSeconds": 1,
                # A slow answer on a busy machine must not look like a Redis that is down.
                "timeoutSeconds": 10,
                "failureThreshold": 10,
            },
            "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        pod = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 999,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}],
        }
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"name": "redis", "port": 6379, "targetPort": "redis"}]},
        }
        return [deployment, service]
