"""Makes the base image of all others: Debian with Python, by debootstrap, which needs no registry."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from e2e.cluster import buildah, progress
from e2e.cluster.layout import Layout

TAG = "localhost/sluice-base:bookworm"
SUITE = "bookworm"
INCLUDE = ("ca-certificates", "python3", "python3-pip", "python3-venv")
# Not needed in a container, and a large part of its size.
DROPPED = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)
RECIPE_VERSION = 1


def key() -> str:
    """A hash of everything that the image is made from."""
    recipe = f"{RECIPE_VERSION} {SUITE} {INCLUDE} {DROPPED}"
    return hashlib.sha256(recipe.encode()).hexdigest()


def sources() -> list[tuple[str, str, str]]:
    """(URI, suite, component) of each package index of this Debian release that apt is set up with here."""
    if shutil.which("apt-get") is None:
        return []
    form = "$(REPO_URI)|$(CODENAME)|$(COMPONENT)"
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    return parse_sources(found)


def parse_sources(indextargets: str) -> list[tuple[str, str, str]]:
    """The package indexes of the suite, then those of its updates and security fixes."""
    entries = []
    for line in indextargets.splitlines():
        uri, suite, component = line.split("|")
        if component == "main" and suite.split("-")[0] == SUITE:
            entries.append((uri, suite, component))
    return sorted(dict.fromkeys(entries), key=lambda entry: entry[1] != SUITE)


def make(layout: Layout, log: Path) -> None:
    """Make the image in buildah's storage: some 40 seconds."""
    container = buildah.output(layout, "from", "scratch")
    try:
        root = Path(buildah.output(layout, "mount", container))
        found = sources()
        mirror = [found[0][0]] if found and found[0][1] == SUITE else []
        include = f"--include={','.join(INCLUDE)}"
        progress.run(
            # In a separate mount namespace: its mounts are removed with it, even if debootstrap is killed.
            ["unshare", "--mount", "debootstrap", "--variant=minbase", include, SUITE, root, *mirror],
            log=log,
            label=f"base image: Debian {SUITE} with Python",
            duration="a minute, once",
            env=buildah.environment(layout),
        )
        if mirror:
            lines = (f"deb {uri} {suite} {component}\n" for uri, suite, component in found)
            (root / "etc/apt/sources.list").write_text("".join(lines))
        for directory in DROPPED:
            _empty(root / directory)
        buildah.output(layout, "config", "--cmd=/bin/sh", container)
        buildah.run(layout, "commit", "--quiet", container, TAG, label="base image: commit", log=log)
    finally:
        buildah.output(layout, "rm", container)


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
