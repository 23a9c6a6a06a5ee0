"""The interface of a cluster: kubectl, helm and images, the same for every provider."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.images import Image
from e2e.cluster.layout import Layout


class Cluster(ABC):
    """A running cluster."""

    provider: str
    # The address by which pods reach servers of this machine that listen on all addresses or on this one.
    host_address: str

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    def environment(self) -> dict[str, str]:
        """The environment variables of kubectl, helm and others that use this cluster, their caches included."""
        state = self.layout.state
        return {
            **os.environ,
            "PATH": os.pathsep.join((str(self.layout.binaries), os.environ.get("PATH", os.defpath))),
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(state / "kube-cache"),
            "HELM_CACHE_HOME": str(state / "helm/cache"),
            "HELM_CONFIG_HOME": str(state / "helm/config"),
            "HELM_DATA_HOME": str(state / "helm/data"),
        }

    def kubectl(self, *args: str | Path, stdin: str | None = None, timeout: float = 300) -> str:
        """Run kubectl; its standard output. ClusterError with its standard error when it fails."""
        return self._run("kubectl", *args, stdin=stdin, timeout=timeout)

    def helm(self, *args: str | Path, stdin: str | None = None, timeout: float = 300) -> str:
        """Run helm, in the same way."""
        return self._run("helm", *args, stdin=stdin, timeout=timeout)

    @abstractmethod
    def load_image(self, image: Image) -> None:
        """Build an image if its sources changed, and load it if the cluster does not have that build."""

    @abstractmethod
    def down(self) -> None:
        """Remove the cluster and all that is in it."""

    def _run(self, *argv: str | Path, stdin: str | None, timeout: float) -> str:
        command = list(map(str, argv))
        try:
            done = subprocess.run(
                command,
                env=self.environment(),
                input=stdin,
                check=False,
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        except FileNotFoundError:
            raise ClusterError(f"{command[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise ClusterError(f"`{' '.join(command)}` took more than {timeout:.0f} s") from None
        if done.returncode:
            raise ClusterError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
