"""Restores what a node changes outside its namespaces: kernel settings, directories, cgroups."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from e2e.cluster.layout import CGROUP, Layout
from e2e.cluster.node import MOUNT_POINTS

# The kubelet sets these for the whole machine when it starts.
SYSCTLS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
_SYS = Path("/proc/sys")
_CGROUPS = Path("/sys/fs/cgroup")
_WEIGHT = 16
"""The CPU weight of all pods together, as a multiple of the default. Each process group of the machine has the default,
so that with many of them, some dozen pods would wait for a long time to start.
"""
_WEIGHT_FILES = {"cpu.shares": 1024 * _WEIGHT, "cpu.weight": 100 * _WEIGHT}
"""In cgroup v1 and v2, with the weight in their units."""


def save(layout: Layout) -> None:
    """Save the settings before a first start, make the mount points and the cgroup."""
    if not layout.traces.exists():
        settings = {name: (_SYS / name).read_text().strip() for name in SYSCTLS if (_SYS / name).exists()}
        absent = [str(path) for path in _with_parents(MOUNT_POINTS) if not path.exists()]
        layout.traces.write_text(json.dumps({"sysctls": settings, "directories": absent}))
    for path in MOUNT_POINTS:
        path.mkdir(parents=True, exist_ok=True)
    for directory in cgroup_directories():
        directory.mkdir(exist_ok=True)
        if (directory / "cpuset.mems").exists() and not (directory / "cgroup.controllers").exists():
            # In cgroup v1 a new cpuset is empty, and takes no process before it has CPUs and memory nodes.
            for name in ("cpuset.cpus", "cpuset.mems"):
                (directory / name).write_text((directory.parent / name).read_text())
        for name, weight in _WEIGHT_FILES.items():
            if (directory / name).exists():
                (directory / name).write_text(str(weight))


def restore(layout: Layout) -> None:
    """Restore everything; the node's processes must have ended."""
    if layout.traces.exists():
        noted = json.loads(layout.traces.read_text())
        for name, value in noted["sysctls"].items():
            if (_SYS / name).read_text().strip() != value:
                (_SYS / name).write_text(value)
        for directory in reversed(noted["directories"]):
            _remove_directory(Path(directory))


def remove_cgroups() -> None:
    """Remove the cgroups of a node whose processes have ended."""
    for directory in cgroup_directories():
        _remove_cgroup(directory)


def cgroup_directories() -> list[Path]:
    """The node's cgroup, in each hierarchy of cgroup v1 or in the one of v2."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS / CGROUP]
    hierarchies = (entry for entry in _CGROUPS.iterdir() if entry.is_dir() and not entry.is_symlink())
    return [entry / CGROUP for entry in hierarchies if (entry / "cgroup.procs").exists()]


def _with_parents(paths: Iterable[Path]) -> list[Path]:
    """Each path after its parents, without repeats."""
    every = {ancestor for path in paths for ancestor in (path, *path.parents)}
    return sorted(every, key=lambda path: len(path.parts))


def _remove_directory(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        # It is gone, or something else uses it.
        return


def _remove_cgroup(root: Path) -> None:
    """Remove a tree of cgroups; the kernel needs a moment after the last process."""
    deadline = time.monotonic() + 5
    for directory, _, _ in os.walk(root, topdown=False):
        while True:
            try:
                Path(directory).rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
            break
