"""A Relay or a Labeler in the cluster and the objects that belong to it."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster
from e2e.tests.api import Api
from e2e.tests.wait import eventually

CONTAINER = "ingester"
_CHILDREN = ("deployments", "replicasets", "pods", "secrets")


@dataclass(frozen=True, kw_only=True)
class RelayUnderTest:
    """A Relay by its name."""

    kind: ClassVar[str] = "relay"
    part: ClassVar[str] = "firehose"
    """The field of the status, and the suffix of the Deployment's name."""

    cluster: Cluster
    api: Api
    name: str
    namespace: str

    @property
    def resource(self) -> str:
        """TYPE.GROUP/NAME for kubectl: tests of the API server install relays and labelers in other groups."""
        return f"{self.kind}s.sluice.dev/{self.name}"

    @property
    def deployment(self) -> str:
        """The name of its ingester's Deployment."""
        return f"{self.name}-{self.part}"

    def kubectl(self, *args: str) -> str:
        """Run kubectl in the resource's namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *args)

    def patch(self, patch: dict[str, Any]) -> None:
        """Merge `patch` into the resource."""
        self.kubectl("patch", self.resource, "--type=merge", "--patch", json.dumps(patch))

    def wait_ready(self, *, seconds: int = 280) -> None:
        """`kubectl wait` for Ready; on failure the error shows the status."""
        try:
            self.wait_condition("Ready", seconds=seconds)
        except ClusterError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.status(), indent=1)}") from error

    def wait_condition(self, kind: str, *, seconds: int = 280) -> None:
        """`kubectl wait` until a condition is True. Raises ClusterError when it is not in time."""
        self.kubectl("wait", self.resource, f"--for=condition={kind}", f"--timeout={seconds}s")

    def delete(self) -> None:
        """Delete the resource and wait until it is gone; its children may outlive it for a moment."""
        self.kubectl("delete", self.resource, "--timeout=280s")

    def body(self) -> dict[str, Any]:
        """The whole resource."""
        return self.api.read(f"{self.kind}s", self.namespace, self.name)

    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = self.body()["status"]
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One condition, empty if it is not there."""
        conditions = self.status().get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def restarts(self) -> int:
        """The number of restarts in the status."""
        return int(self.status().get("restarts", {}).get("count", 0))

    def child(self) -> dict[str, Any] | None:
        """The Deployment, None while there is none."""
        return self.api.find("deployments", self.namespace, self.deployment)

    def identity(self) -> tuple[str, int]:
        """UID and generation of the Deployment, `("", 0)` while there is none."""
        metadata = (self.child() or {"metadata": {"uid": "", "generation": 0}})["metadata"]
        return metadata["uid"], metadata["generation"]

    def replicas(self) -> int:
        """`spec.replicas` of the Deployment, -1 while there is none."""
        return int((self.child() or {"spec": {"replicas": -1}})["spec"]["replicas"])

    def image(self) -> str:
        """The image of the Deployment's ingester, empty while there is none."""
        child = self.child()
        if child is None:
            return ""
        containers = child["spec"]["template"]["spec"]["containers"]
        return str(next(container["image"] for container in containers if container["name"] == CONTAINER))

    def pods(self) -> list[dict[str, Any]]:
        """All pods, those that are ending included."""
        return self._list("pods")

    def pod_name(self) -> str:
        """The name of the pod that is not ending, once there is exactly one."""
        pods = eventually(self._staying, until=lambda found: len(found) == 1)
        return str(pods[0]["metadata"]["name"])

    def children(self) -> list[str]:
        """Every Deployment, ReplicaSet, pod and Secret with the resource's label, as `plural/name`."""
        return [f"{plural}/{child['metadata']['name']}" for plural in _CHILDREN for child in self._list(plural)]

    def events(self, reason: str) -> list[dict[str, Any]]:
        """The Events about the resource with that reason."""
        selector = f"involvedObject.name={self.name},reason={reason}"
        return self.api.list("events", self.namespace, fieldSelector=selector)

    def _staying(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]]

    def _list(self, plural: str) -> list[dict[str, Any]]:
        return self.api.list(plural, self.namespace, labelSelector=f"sluice.dev/{self.kind}={self.name}")


@dataclass(frozen=True, kw_only=True)
class LabelerUnderTest(RelayUnderTest):
    """A Labeler by its name."""

    kind: ClassVar[str] = "labeler"
    part: ClassVar[str] = "labels"
