"""A resource that is one of several with the same host."""

import time
from dataclasses import dataclass
from typing import Any

from tests.integration.operator.control_plane import ControlPlane, Manifest, path_of
from tests.integration.operator.situation import NAME, PATIENCE, Situation, eventually


@dataclass(frozen=True)
class SourceResource:
    """A resource that is one of several with the same host."""

    control_plane: ControlPlane
    namespace: str
    name: str
    host: str
    kind: str = "Relay"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        return path_of(self.kind, self.namespace, self.name)

    def apply(self, **spec: Any) -> None:
        metadata = {"name": self.name, "namespace": self.namespace}
        self.control_plane.apply(
            {
                "apiVersion": "sluice.dev/v1alpha1",
                "kind": self.kind,
                "metadata": metadata,
                "spec": {"host": self.host, **spec},
            }
        )

    def delete(self) -> None:
        self.control_plane.request("DELETE", self.path)

    def get(self) -> Manifest:
        found: Manifest = self.control_plane.request("GET", self.path)
        return found

    def condition(self, kind: str) -> dict[str, Any] | None:
        found = self.get()
        for item in found["status"].get("conditions", []):
            if item["type"] == kind and item["observedGeneration"] == found["metadata"]["generation"]:
                return dict(item)
        return None

    def replicas(self, part: str = "firehose") -> int:
        path = path_of("Deployment", self.namespace, f"{self.name}-{part}")
        return int(self.control_plane.request("GET", path)["spec"]["replicas"])

    def wait_stalled_by(self, other: "SourceResource", *, seconds: float = PATIENCE) -> None:
        """Wait until it is Stalled because of `other`, and has no replica."""

        def attempt() -> bool:
            found = self.condition("Stalled")
            assert found is not None, self.get()["status"]
            assert (found["status"], found["reason"]) == ("True", "DuplicateSource")
            assert f"{other} is older and streams from" in found["message"]
            return self.replicas() == 0

        eventually(attempt, seconds=seconds)

    def wait_running(self, *, seconds: float = PATIENCE) -> None:
        def attempt() -> bool:
            assert self.condition("Stalled") is None
            return self.replicas() == 1 and self.condition("Ready") is not None

        eventually(attempt, seconds=seconds)

    def deployment_generation(self) -> int:
        """The generation of its Deployment: how often its spec was written."""
        path = path_of("Deployment", self.namespace, f"{self.name}-firehose")
        return int(self.control_plane.request("GET", path)["metadata"]["generation"])


def add_resource(*, of: Situation, name: str, namespace: str = "") -> SourceResource:
    return SourceResource(of.control_plane, namespace or of.namespace, name, f"wss://{of.host.upper()}")


def resource_of(of: Situation) -> SourceResource:
    return SourceResource(of.control_plane, of.namespace, NAME, f"ws://{of.host}")


def wait_next_timestamp() -> None:
    """Creation timestamps have whole seconds."""
    time.sleep(1.1)
