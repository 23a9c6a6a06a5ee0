"""Labelers in the cluster that share pods. Their sources are the labelers of one process."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from e2e import deploy, manifests
from e2e.tests.installation import Installation
from e2e.tests.labelers.labels import name_of
from e2e.tests.labelers.process import Labelers
from e2e.tests.wait import eventually
from sluice_operator.desired.pools import POOL_LABEL

_POOL: Final = "quiet"
_CA: Final = "labelers-ca"


class SharedPods:
    """The Labelers. Each has the name of its source."""

    def __init__(self, installation: Installation, labelers: Labelers, *, namespace: str) -> None:
        self.installation = installation
        self.labelers = labelers
        self.namespace = namespace

    def apply(self) -> None:
        """Apply them all, and wait until they are Ready."""
        authority = {"ca.crt": self.labelers.authority}
        metadata = {"name": _CA, "namespace": self.namespace}
        deploy.apply(
            self.installation.cluster,
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": authority},
            *(self._manifest(number, host) for number, host in enumerate(self.labelers.hosts)),
        )
        eventually(self._not_ready, until=lambda names: names == [], every=2)

    def delete(self) -> None:
        """Delete them all, and wait until their pods are gone."""
        self.installation.cluster.kubectl(
            "delete", "labelers.sluice.dev", "--all", "--namespace", self.namespace, "--timeout=280s"
        )
        eventually(self.pods, until=lambda pods: pods == [], every=1)

    def members(self) -> dict[str, list[str]]:
        """By Deployment: the names of its Labelers."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self._all():
            found[one["status"]["pool"]["deployment"]].append(one["metadata"]["name"])
        return {deployment: sorted(names) for deployment, names in sorted(found.items())}

    def pods(self) -> list[dict[str, Any]]:
        """All pods of the pool."""
        return self._list("pods", labelSelector=f"{POOL_LABEL}={_POOL}")

    def pod_of(self, deployment: str) -> dict[str, Any]:
        """The only pod of a Deployment."""
        selector = f"app.kubernetes.io/instance={deployment}"
        (pod,) = self._list("pods", labelSelector=selector)
        return pod

    def kill(self, deployment: str) -> None:
        """Kill the ingester of a Deployment by SIGKILL, from outside of its container."""
        for process in _processes(self.pod_of(deployment)):
            os.kill(process, signal.SIGKILL)

    def is_back(self, deployment: str) -> bool:
        """Whether the pod of a Deployment has been restarted, and is ready."""
        status = self.pod_of(deployment)["status"]["containerStatuses"][0]
        return bool(status["restartCount"] == 1 and status["ready"])

    def tell(self, command: str, *names: str, **arguments: Any) -> Any:
        """Give a command of `labelers.__main__` to the sources of these Labelers. Returns its answer."""
        return self.labelers.tell(command, *map(int, (name[1:] for name in names)), *arguments.values())

    def host(self, name: str) -> str:
        """HOST in the keys in Redis of a Labeler."""
        return self.labelers.hosts[int(name[1:])]

    def _manifest(self, number: int, host: str) -> manifests.Manifest:
        return manifests.labeler(
            name=name_of(number),
            namespace=self.namespace,
            host=f"wss://{host}",
            pooling={"mode": "Shared", "pool": _POOL},
            caBundle={"configMapRef": {"name": _CA}},
        )

    def _not_ready(self) -> list[str]:
        """The names of those that are not Ready, each with its reason."""
        found: list[str] = []
        for one in self._all():
            conditions = one.get("status", {}).get("conditions", ())
            ready: dict[str, Any] = next((each for each in conditions if each["type"] == "Ready"), {})
            if ready.get("status") != "True":
                found.append(f"{one['metadata']['name']}: {ready.get('reason')}")
        return found

    def _all(self) -> list[dict[str, Any]]:
        return self._list("labelers")

    def _list(self, plural: str, **query: str) -> list[dict[str, Any]]:
        return self.installation.api.list(plural, self.namespace, **query)


def _processes(pod: dict[str, Any]) -> list[int]:
    """The process IDs of the only container of a pod, on this machine."""
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cgroup") if container in _text(path)]
    assert found, f"no process of this machine is in the container {container}"
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""
