"""Builds Kubernetes, CoreDNS, helm and the pause program from pinned Go modules into a cache."""

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
    """The linker's flags: the versions that the commands print, and no debugging tables."""
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
    """The one build of all commands. It leaves out debugging information, which takes time and is not used."""
    return [
        *("go", "build", "-buildvcs=false", "-gcflags=all=-dwarf=false", f"-ldflags={ldflags()}"),
        *("-o", f"{output}/", *PACKAGES),
    ]


def fingerprint() -> str:
    """A hash of the sources and of the build command."""
    digest = hashlib.sha256(" ".join(build_command(Path("out"))).encode())
    for path in sorted(SOURCE.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def ready(layout: Layout) -> bool:
    """Whether the cache holds the commands that the sources describe."""
    stamp = layout.tools / "fingerprint"
    return stamp.exists() and stamp.read_text() == fingerprint()


def ensure(layout: Layout) -> Path:
    """Build the commands unless the cache has them: minutes when the cache is empty. The directory that holds them."""
    if ready(layout):
        return layout.binaries
    layout.tools.mkdir(parents=True, exist_ok=True)
    with _held(layout.tools / "lock"):
        if not ready(layout):
            _build(layout)
    return layout.binaries


def discard_outdated(layout: Layout) -> None:
    """Remove the commands of earlier sources, so that a node that starts before the build ends does not run them."""
    layout.tools.mkdir(parents=True, exist_ok=True)
    with _held(layout.tools / "lock", wait=False) as held:
        # The process that holds the lock builds, and has removed them.
        if held and not ready(layout):
            _empty(layout.binaries)


def count_packages(output: str) -> int:
    """How many packages a Go command has printed: one a line, between its messages.

    >>> count_packages("go: downloading k8s.io/api v0.35.4\\nk8s.io/api/core/v1\\nfmt\\n")
    2
    """
    return sum(1 for line in output.splitlines() if line and " " not in line and not line.startswith("#"))


def _build(layout: Layout) -> None:
    if shutil.which("go") is None:
        raise ClusterError("Go is missing: install Go 1.26 or newer, which builds Kubernetes for the local cluster")
    _empty(layout.binaries)
    fresh = layout.tools / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    _compile(fresh, layout)
    for name in KUBE_NAMES:
        (fresh / name).symlink_to("kube")
    # One by one: the node shows this directory, and starts each component when its command appears.
    for path in fresh.iterdir():
        path.replace(layout.binaries / path.name)
    fresh.rmdir()
    (layout.tools / "fingerprint").write_text(fingerprint())


def _compile(output: Path, layout: Layout) -> None:
    """Download the modules and compile. The number of packages is known once they are downloaded."""
    listing, log = layout.tools / "packages.log", layout.tools / "build.log"
    for path in (listing, log):
        path.unlink(missing_ok=True)
    # Trade memory for time: compiler and linker hardly collect garbage below the limit (each, two at a time).
    env = {"GOGC": "800", "GOMEMLIMIT": "3GiB", **os.environ, "CGO_ENABLED": "0"}
    versions = f"Kubernetes {KUBERNETES_VERSION}, CoreDNS, helm"
    command = ["go", "list", "-deps", *PACKAGES]
    progress.run(command, log=listing, label=f"download {versions}", cwd=SOURCE, env=env, tries=3)
    total = count_packages(listing.read_text())
    go, build, *arguments = build_command(output)
    progress.run(
        # -v prints each package as it is compiled. The result is the same, so the fingerprint is made without it.
        [go, build, "-v", *arguments],
        log=log,
        label=f"build {versions}",
        duration="5 to 10 minutes on two cores, once",
        detail=lambda: f"{count_packages(log.read_text())} of {total} packages",
        cwd=SOURCE,
        env=env,
        tries=3,
    )


def _empty(directory: Path) -> None:
    """Make a directory, or remove the files in it. The directory itself may be mounted in a node."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        path.unlink()


@contextmanager
def _held(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file; False, without `wait`, if somebody else holds it."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
