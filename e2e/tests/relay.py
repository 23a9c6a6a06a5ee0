"""A Relay or a Labeler in the cluster and what belongs to it, seen through kubectl."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster
from e2e.tests.wait import eventually

CONTAINER = "ingester"


@dataclass(frozen=True, kw_only=True)
class RelayUnderTest:
    """A Relay by its name."""

    kind: ClassVar[str] = "relay"
    part: ClassVar[str] = "firehose"
    """Of the status, and the end of the Deployment's name."""

    cluster: Cluster
    name: str
    namespace: str

    @property
    def deployment(self) -> str:
        """The name of its ingester's Deployment."""
        return f"{self.name}-{self.part}"

    def kubectl(self, *args: str) -> str:
        """Run kubectl in the resource's namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *args)

    def patch(self, patch: dict[str, Any]) -> None:
        """Merge `patch` into the resource."""
        self.kubectl("patch", self.kind, self.name, "--type=merge", "--patch", json.dumps(patch))

    def wait_ready(self, *, seconds: int = 120) -> None:
        """`kubectl wait` for Ready; on failure with the status that was there."""
        try:
            self.kubectl("wait", f"{self.kind}/{self.name}", "--for=condition=Ready", f"--timeout={seconds}s")
        except ClusterError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.status(), indent=1)}") from error

    def body(self) -> dict[str, Any]:
        """The whole resource."""
        return self._json(self.kind, self.name)

    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = self.body()["status"]
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One condition, empty if it is not there."""
        conditions = self.status().get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def restarts(self) -> int:
        """The count of restarts."""
        return int(self.status().get("restarts", {}).get("count", 0))

    def child(self) -> dict[str, Any] | None:
        """The Deployment, None while there is none."""
        found = [child for child in self._list("deployments") if child["metadata"]["name"] == self.deployment]
        return found[0] if found else None

    def identity(self) -> tuple[str, int]:
        """UID and generation of the Deployment."""
        metadata = (self.child() or {"metadata": {"uid": "", "generation": 0}})["metadata"]
        return metadata["uid"], metadata["generation"]

    def replicas(self) -> int:
        """Of the Deployment, as wanted."""
        return int((self.child() or {"spec": {"replicas": -1}})["spec"]["replicas"])

    def image(self) -> str:
        """Of the Deployment's ingester."""
        child = self.child()
        if child is None:
            return ""
        containers = child["spec"]["template"]["spec"]["containers"]
        return str(next(container["image"] for container in containers if container["name"] == CONTAINER))

    def pods(self) -> list[dict[str, Any]]:
        """All pods, those on their way out included."""
        return self._list("pods")

    def pod_name(self) -> str:
        """The pod that is meant to run, once there is just one."""
        pods = eventually(self._staying, until=lambda found: len(found) == 1, within=60)
        return str(pods[0]["metadata"]["name"])

    def children(self) -> list[str]:
        """Everything that carries the resource's label."""
        found = self.kubectl("get", "deployments,replicasets,pods,secrets", "-l", self._selector, "-o", "name")
        return found.split()

    def _staying(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]]

    @property
    def _selector(self) -> str:
        return f"sluice.dev/{self.kind}={self.name}"

    def _json(self, *what: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.kubectl("get", *what, "-o", "json"))
        return body

    def _list(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._json(kind, "-l", self._selector)["items"]
        return items


@dataclass(frozen=True, kw_only=True)
class LabelerUnderTest(RelayUnderTest):
    """A Labeler by its name."""

    kind: ClassVar[str] = "labeler"
    part: ClassVar[str] = "labels"
