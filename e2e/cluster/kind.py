"""Runs the cluster with kind, where Docker runs, by the manager of pytest-kubernetes.

Tested without Docker: the unit tests check which commands it runs, and nothing more.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
from collections.abc import Callable

from pytest_kubernetes.providers import select_provider_manager
from pytest_kubernetes.providers.base import AClusterManager

from e2e.cluster import progress
from e2e.cluster.errors import ClusterError
from e2e.cluster.images import Image
from e2e.cluster.interface import Cluster
from e2e.cluster.layout import Layout

# The node image of kind 0.31. The default of pytest-kubernetes, 1.25, does not validate by CEL.
KUBERNETES_VERSION = "1.35.0"
CLUSTER_NAME = "sluice"


class KindCluster(Cluster):
    """A cluster whose node is a container."""

    provider = "kind"

    def __init__(self, layout: Layout, manager: AClusterManager) -> None:
        super().__init__(layout)
        self._manager = manager
        self.host_address = gateway()

    def load_image(self, image: Image) -> None:
        """`docker build`, which has its own cache, then `kind load docker-image`."""
        build = ["docker", "build", f"--tag={image.tag}", f"--file={image.dockerfile}"]
        build += [f"--build-arg={name}={value}" for name, value in image.build_args.items()]
        log = self.layout.images / "docker.log"
        progress.run([*build, image.context], log=log, label=f"image {image.tag}")
        with progress.step(f"load {image.tag}"):
            _checked(lambda: self._manager.load_image(image.tag))

    def down(self) -> None:
        """`kind delete cluster`."""
        down(self.layout)


def up(layout: Layout) -> KindCluster:
    """The cluster, created unless it runs."""
    layout.state.mkdir(exist_ok=True)
    made = manager(layout)
    with progress.step(f"kind cluster {made.cluster_name}"):
        _checked(lambda: made.create(timeout=120))
    return KindCluster(layout, made)


def down(layout: Layout) -> None:
    """Delete the cluster and its kubeconfig."""
    _checked(manager(layout).delete)
    if layout.state.exists():
        shutil.rmtree(layout.state)


def manager(layout: Layout) -> AClusterManager:
    """The manager of pytest-kubernetes for this cluster's name, version and kubeconfig."""
    kind = select_provider_manager("kind", {"version": KUBERNETES_VERSION})
    return kind(cluster_name=CLUSTER_NAME, kubeconfig=layout.kubeconfig)


def gateway() -> str:
    """The address by which kind's nodes reach this machine: the gateway of Docker's network `kind`."""
    found = subprocess.run(["docker", "network", "inspect", "kind"], check=True, capture_output=True, text=True).stdout
    return parse_gateway(found)


def parse_gateway(inspected: str) -> str:
    """The IPv4 gateway in the JSON of `docker network inspect`."""
    for network in json.loads(inspected):
        for entry in network["IPAM"]["Config"]:
            address = entry.get("Gateway", "")
            if address and ipaddress.ip_address(address).version == 4:
                return str(address)
    raise ClusterError("Docker's network `kind` has no IPv4 gateway")


def _checked(action: Callable[[], None]) -> None:
    """Run an action of the manager; ClusterError with the output of its command when it fails."""
    try:
        action()
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip()
        raise ClusterError(f"`{error.cmd}` failed: {said}") from error
