"""Installs the Debian packages that the tests, the local cluster and its images need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from e2e.cluster import progress
from e2e.cluster.errors import ClusterError

# By command, or by the path of a file: the package that contains it.
TESTS = {
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "etcd": "etcd-server",
}
CLUSTER = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
# Daemons and filesystem tools are in directories that are often not on a user's PATH.
SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))


def present(what: str) -> bool:
    """Whether a command is found, or a file is there."""
    return Path(what).exists() if what.startswith("/") else shutil.which(what, path=SEARCH_PATH) is not None


def missing(required: Mapping[str, str], exists: Callable[[str], bool] = present) -> list[str]:
    """Of the packages that are required, those that are not installed."""
    return sorted({package for what, package in required.items() if not exists(what)})


def ensure(log: Path, required: Mapping[str, str]) -> None:
    """Install what is missing; ClusterError with the packages to install when that is not possible."""
    packages = missing(required)
    if not packages:
        return
    by_hand = f"apt-get update && apt-get install --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ClusterError(f"these Debian packages are missing; as root: {by_hand}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    label = f"install {', '.join(packages)}"
    # The updates of a new machine may hold the lock, and a mirror may fail once.
    patient = ["apt-get", "--quiet", "--option=Acquire::Retries=3", "--option=DPkg::Lock::Timeout=300"]
    progress.run([*patient, "update"], log=log, label="apt-get update", env=env, tries=3)
    install = [*patient, "install", "--yes", "--no-install-recommends", *packages]
    duration = "a minute or two, once"
    progress.run(install, log=log, label=label, duration=duration, env=env, hint=f"by hand: {by_hand}")
