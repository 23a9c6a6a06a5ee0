"""Runs buildah(1) with its own storage directory, without a daemon and without user namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster import packages, progress
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Layout
from e2e.cluster.mountinfo import mount_points

STORAGE_LIMIT = 4 * 2**30
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries", "cert")


def environment(layout: Layout) -> dict[str, str]:
    """The variables that keep buildah's containers and images below the cache."""
    return {
        **os.environ,
        "PATH": packages.SEARCH_PATH,
        # Plain directories and chroot need nothing but root: no overlay mounts, no container runtime.
        "STORAGE_DRIVER": "vfs",
        "BUILDAH_ISOLATION": "chroot",
        "TMPDIR": str(_made(layout.images / "tmp")),
    }


def command(layout: Layout, *args: str | Path) -> list[str]:
    """A buildah command line."""
    storage = layout.images / "storage"
    return ["buildah", f"--root={storage}", f"--runroot={layout.images / 'run'}", *map(str, args)]


def output(layout: Layout, *args: str | Path) -> str:
    """Run a short command; its standard output, stripped. ClusterError when it fails."""
    argv = command(layout, *args)
    done = subprocess.run(argv, env=environment(layout), check=False, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"`buildah {args[0]}` failed: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


def run(layout: Layout, *args: str | Path, label: str, log: Path, duration: str = "", tries: int = 1) -> None:
    """Run a long command with its output in a log file."""
    progress.run(command(layout, *args), log=log, label=label, duration=duration, env=environment(layout), tries=tries)


def has(layout: Layout, tag: str) -> bool:
    """Whether the storage has an image of that tag."""
    argv = command(layout, "inspect", "--type=image", tag)
    done = subprocess.run(argv, env=environment(layout), check=False, capture_output=True)
    return done.returncode == 0


def leftover_mounts(mountinfo: str, layout: Layout) -> list[str]:
    """What builds have mounted, the innermost first."""
    return mount_points(mountinfo, layout.images.resolve())[::-1]


def unmount_leftovers(layout: Layout) -> None:
    """Unmount what a build that was killed has left mounted: no later build could delete it. No build may run."""
    for point in leftover_mounts(Path("/proc/self/mountinfo").read_text(), layout):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def trim(layout: Layout) -> None:
    """Delete the storage once it is too large: each layer that it keeps for later builds takes its full size."""
    storage = layout.images / "storage"
    size = sum(
        os.lstat(os.path.join(directory, name)).st_blocks * 512
        for directory, _, names in os.walk(storage)
        for name in names
    )
    if size > STORAGE_LIMIT:
        shutil.rmtree(storage)


def mounts(layout: Layout) -> list[str]:
    """`--volume` flags: a build trusts the certificates that this machine trusts, and pip uses its index."""
    flags = [f"--volume={path}:{path}:ro" for path in ("/etc/ssl/certs",) if Path(path).is_dir()]
    if settings := pip_settings(dict(os.environ), _pip_files()):
        path = layout.images / "pip.conf"
        path.write_text(settings)
        flags.append(f"--volume={path}:/etc/pip.conf:ro")
    return flags


def pip_settings(environ: dict[str, str], files: str) -> str:
    """The settings by which pip reaches its index on this machine, as a pip.conf; "" when there are none.

    `files` is the text of its pip.conf files; variables (PIP_INDEX_URL for index-url) win, as they do in pip.
    """
    found: dict[str, str] = {}
    for line in files.splitlines():
        name, separator, value = line.partition("=")
        if separator and name.strip() in _PIP_SETTINGS:
            found[name.strip()] = value.strip()
    for name in _PIP_SETTINGS:
        variable = f"PIP_{name.upper().replace('-', '_')}"
        if environ.get(variable):
            found[name] = environ[variable]
    return "".join(("[global]\n", *(f"{name} = {value}\n" for name, value in found.items()))) if found else ""


def _pip_files() -> str:
    home = Path.home()
    candidates = (Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf")
    return "\n".join(path.read_text() for path in candidates if path.is_file())


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
