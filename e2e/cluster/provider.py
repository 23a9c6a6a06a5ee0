"""Chooses the provider of the cluster, kind or local, and sets up what it needs in parallel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from e2e.cluster import archive, images, kind, local, packages, progress, tools
from e2e.cluster.errors import ClusterError
from e2e.cluster.images import Image
from e2e.cluster.interface import Cluster
from e2e.cluster.layout import HOST_ADDRESS, Layout

__all__ = [
    "Choice",
    "Cluster",
    "ClusterError",
    "Image",
    "LocalCluster",
    "NoClusterError",
    "choose",
    "ensure_cluster",
    "prepare",
]

NOWHERE = "Docker does not run, and without it the local cluster needs Linux and root with CAP_SYS_ADMIN"
# Seconds until a cluster must be ready; a machine that is busy with other work takes long.
READY_TIMEOUT = 180.0


class NoClusterError(ClusterError):
    """This machine can't run a cluster; the tests on a cluster are skipped with this reason."""


@dataclass(frozen=True)
class Choice:
    """The provider of the cluster, with the reason; or no provider, with what is missing."""

    provider: Literal["kind", "local"] | None
    reason: str


class LocalCluster(Cluster):
    """The local cluster: a node in Linux namespaces of this machine."""

    provider = "local"
    host_address = HOST_ADDRESS

    def load_image(self, image: Image) -> None:
        """Build with buildah, import into the node's containerd."""
        built = images.build(self.layout, image)
        self.load_archive(built, tag=image.tag)

    def load_archive(self, built: images.Archive, *, tag: str) -> None:
        """Import an archive that is already built."""
        if not archive.holds(self.layout, tag=tag, key=built.key):
            with progress.step(f"load {tag}"):
                archive.load(self.layout, built.path, tag=tag, key=built.key)

    def down(self) -> None:
        """Remove the cluster."""
        local.down(self.layout)


def choose(*, system: str, root: bool, docker: bool, kind: bool) -> Choice:
    """Pure: choose by operating system, by whether we are root, Docker runs and kind is installed."""
    if docker and kind:
        return Choice("kind", "Docker runs")
    if system == "linux" and root:
        return Choice("local", "Docker does not run" if not docker else "Docker runs, but kind is not installed")
    if docker:
        return Choice(None, "Docker runs, but kind is not installed: install kind and kubectl")
    return Choice(None, NOWHERE)


def detect() -> Choice:
    """The choice for this machine."""
    return choose(
        system=sys.platform,
        root=os.geteuid() == 0 and holds_capabilities(),
        docker=docker_runs(),
        kind=shutil.which("kind") is not None,
    )


def holds_capabilities() -> bool:
    """Whether this process may make namespaces and networks; root in a container often may not."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return False
    return has_capabilities(status)


def has_capabilities(status: str) -> bool:
    """Whether /proc/PID/status shows CAP_NET_ADMIN and CAP_SYS_ADMIN as effective (capabilities(7))."""
    effective = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    return all(effective >> bit & 1 for bit in (12, 21))


def docker_runs() -> bool:
    """Whether a Docker daemon answers; it may be down although the command is installed."""
    try:
        done = subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def prepare(wanted: Iterable[Image] = (), *, layout: Layout | None = None) -> None:
    """Install packages, build commands and images, in parallel: minutes with an empty cache. Starts nothing.

    The packages of the tests and the commands are needed even where no cluster can run; images only by a local one.
    """
    layout = layout or Layout()
    is_local = detect().provider == "local"
    with ThreadPoolExecutor(1) as pool:
        commands = pool.submit(tools.ensure, layout)
        packages.ensure(layout.cache / "packages.log", packages.TESTS | (packages.CLUSTER if is_local else {}))
        for image in wanted if is_local else ():
            images.build(layout, image)
        commands.result()


def ensure_cluster(wanted: Iterable[Image] = (), *, layout: Layout | None = None) -> Cluster:
    """The running cluster with the images. Builds, starts and loads in parallel what is missing.

    Raises NoClusterError when this machine can't have a cluster, ClusterError when something fails.
    """
    layout = layout or Layout()
    choice = detect()
    if choice.provider is None:
        raise NoClusterError(choice.reason)
    if choice.provider == "kind":
        return _loaded(kind.up(layout), wanted)
    with ThreadPoolExecutor(2) as pool:
        # The longest part starts first: Kubernetes is built while packages, node and images are set up.
        commands = pool.submit(tools.ensure, layout)
        local.start(layout)

        def up() -> None:
            commands.result()
            local.up(layout, timeout=READY_TIMEOUT)

        ready = pool.submit(up)
        cluster = _loaded(LocalCluster(layout), wanted)
        ready.result()
    return cluster


def _loaded(cluster: Cluster, wanted: Iterable[Image]) -> Cluster:
    for image in wanted:
        cluster.load_image(image)
    return cluster
