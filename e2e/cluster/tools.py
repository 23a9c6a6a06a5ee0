"""Kubernetes, CoreDNS, helm and the pause program, built from pinned Go modules into a cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import progress
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import PACKAGE, Layout

SOURCE = PACKAGE / "tools"
KUBERNETES_VERSION = "1.35.4"
HELM_VERSION = "3.20.2"
PACKAGES = ("./kube", "./coredns", "./pause", "helm.sh/helm/v3/cmd/helm")
# One program under many names: see tools/kube/main.go.
KUBE_NAMES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)


def ldflags() -> str:
    """The linker's flags: the versions that the commands tell, and no debugging tables."""
    major, minor, _ = KUBERNETES_VERSION.split(".")
    version = "k8s.io/component-base/version"
    return " ".join(
        (
            "-s -w",
            f"-X {version}.gitVersion=v{KUBERNETES_VERSION}",
            f"-X {version}.gitMajor={major}",
            f"-X {version}.gitMinor={minor}",
            f"-X helm.sh/helm/v3/internal/version.version=v{HELM_VERSION}",
        )
    )


def build_command(output: Path) -> list[str]:
    """The one build of everything; without debugging information, which nobody reads, it is quicker."""
    return [
        *("go", "build", "-buildvcs=false", "-gcflags=all=-dwarf=false", f"-ldflags={ldflags()}"),
        *("-o", f"{output}/", *PACKAGES),
    ]


def fingerprint() -> str:
    """A hash of all that decides what is built."""
    digest = hashlib.sha256(" ".join(build_command(Path("out"))).encode())
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def ready(layout: Layout) -> bool:
    """Whether the cache holds what the sources describe."""
    stamp = layout.tools / "fingerprint"
    return stamp.exists() and stamp.read_text() == fingerprint()


def ensure(layout: Layout) -> Path:
    """Build the commands unless the cache has them (minutes when cold); the directory that holds them."""
    if ready(layout):
        return layout.binaries
    layout.tools.mkdir(parents=True, exist_ok=True)
    with _held(layout.tools / "lock"):
        if not ready(layout):
            _build(layout)
    return layout.binaries


def _build(layout: Layout) -> None:
    if shutil.which("go") is None:
        raise ClusterError("Go is missing: the local cluster's Kubernetes is built with it (1.26 or newer)")
    fresh = layout.tools / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    log = layout.tools / "build.log"
    log.unlink(missing_ok=True)
    # Trade memory for time: compiler and linker hardly collect garbage below the limit (each, two at a time).
    env = {"GOGC": "800", "GOMEMLIMIT": "3GiB", **os.environ, "CGO_ENABLED": "0"}
    label = f"build Kubernetes {KUBERNETES_VERSION}, CoreDNS, helm"
    about = "5 to 10 minutes on two cores, once"
    progress.run(build_command(fresh), log=log, label=label, about=about, cwd=SOURCE, env=env, tries=3)
    for name in KUBE_NAMES:
        (fresh / name).symlink_to("kube")
    layout.binaries.mkdir(exist_ok=True)
    # One by one, so that a running cluster, which shows this directory in its node, sees the new ones too.
    for path in fresh.iterdir():
        path.replace(layout.binaries / path.name)
    fresh.rmdir()
    (layout.tools / "fingerprint").write_text(fingerprint())


@contextmanager
def _held(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
