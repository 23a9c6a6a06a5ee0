"""The directories and files of the cluster, and its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parent

NODE_NAME = "sluice"
# 198.18.0.0/15 is reserved for tests of networks (RFC 2544), so it overlaps no private network.
HOST_ADDRESS = "198.18.0.1"
NODE_ADDRESS = "198.18.0.2"
LINK_NETWORK = "198.18.0.0/30"
POD_NETWORK = "198.18.0.0/16"
SERVICE_NETWORK = "198.19.0.0/16"
API_SERVICE_ADDRESS = "198.19.0.1"
HOST_INTERFACE = "sluice0"
NODE_INTERFACE = "eth0"
CGROUP = "sluice"
API_SERVER = f"https://{NODE_ADDRESS}:6443"

# Inside the node the path is always the same, so that the configuration files are constant.
NODE_DIRECTORY = Path("/run/cluster")


@dataclass(frozen=True)
class Layout:
    """The directories of one cluster: `state` goes with `down`, `cache` stays."""

    state: Path = ROOT / ".cluster"
    cache: Path = ROOT / ".cache"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        """One log file per component."""
        return self.state / "log"

    @property
    def record(self) -> Path:
        """The record of the node's first processes."""
        return self.state / "node.json"

    @property
    def status(self) -> Path:
        """The state of each component, written by the supervisor in the node."""
        return self.state / "status.json"

    @property
    def traces(self) -> Path:
        """What was changed outside the node's namespaces; `down` restores it."""
        return self.state / "traces.json"

    @property
    def loaded(self) -> Path:
        """The images that the cluster holds: by tag, the key of the build."""
        return self.state / "images.json"

    @property
    def tools(self) -> Path:
        """The build of the Kubernetes commands."""
        return self.cache / "tools"

    @property
    def binaries(self) -> Path:
        """The directory to put on PATH: kubectl, helm and the components."""
        return self.tools / "bin"

    @property
    def images(self) -> Path:
        """Image archives and buildah's storage."""
        return self.cache / "images"

    @property
    def lock(self) -> Path:
        """Held while the cluster is being started or stopped."""
        return self.cache / "cluster.lock"
