"""Finds what this machine lacks for the local cluster, and what a stopped cluster has not removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from e2e.cluster import network, packages, records, tools, traces
from e2e.cluster.layout import CGROUP, NODE_DIRECTORY, Layout
from e2e.cluster.mountinfo import mount_points
from e2e.cluster.process import pids


def findings(layout: Layout) -> list[str]:
    """One line per problem, each with what to do; empty when there is none."""
    return [*lacking(layout), *(stopped_components(layout) if records.running(layout) else leftovers(layout))]


def lacking(layout: Layout) -> list[str]:
    """What is missing for `up`."""
    found = [f"missing package: apt-get install {name}" for name in packages.missing(packages.CLUSTER)]
    if os.geteuid() != 0:
        found.append("not root: the local cluster makes namespaces and mounts")
    if not tools.ready(layout) and shutil.which("go") is None:
        found.append("missing: Go 1.26 or newer, to build Kubernetes")
    return found


def stopped_components(layout: Layout) -> list[str]:
    """The components of a running node that have stopped."""
    return [
        f"{name} does not run: see {layout.logs / name}.log"
        for name, pid in records.component_pids(layout).items()
        if pid is None
    ]


def leftovers(layout: Layout) -> list[str]:
    """What `down` should have removed."""
    alias = network.owner()
    if alias not in (None, network.alias(layout.state)):
        return [network.other_cluster(alias)]
    found = [f"process {pid}: {command}" for pid, command in _processes(layout)]
    found += [f"mount: {line}" for line in our_mounts(Path("/proc/self/mountinfo").read_text(), layout)]
    found += [f"cgroup: {path}" for path in traces.cgroup_directories() if path.exists()]
    if alias is not None:
        found.append(f"network interface: {alias}")
    found += [f"route: {route}" for route in network.foreign_routes()]
    if layout.state.exists():
        found.append(f"state: {layout.state}")
    return [f"left behind: {what} (`python -m e2e.cluster down`)" for what in found]


def our_mounts(mountinfo: str, layout: Layout) -> list[str]:
    """The mount points of a cluster."""
    return mount_points(mountinfo, layout.state, NODE_DIRECTORY)


def _processes(layout: Layout) -> Iterable[tuple[int, str]]:
    for pid in pids():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            groups = Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            continue
        node = "e2e.cluster.node" in command and str(layout.state) in command
        if node or str(NODE_DIRECTORY) in command or f":/{CGROUP}/" in groups:
            yield pid, command[:120]
