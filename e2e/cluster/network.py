"""Connects the machine and the node with a veth pair and two routes. The rest is set up inside the node."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import (
    HOST_ADDRESS,
    HOST_INTERFACE,
    NODE_ADDRESS,
    NODE_INTERFACE,
    POD_NETWORK,
    SERVICE_NETWORK,
)
from e2e.cluster.process import namespace, start_time

_ALIAS_LIMIT = 255


def connect(node_pid: int, state: Path) -> None:
    """Create a veth pair to the network namespace of a process. The alias of the interface names its cluster."""
    deadline = time.monotonic() + 60
    own = os.readlink("/proc/self/ns/net")
    while (found := namespace(node_pid, "net")) in (None, own):
        if start_time(node_pid) is None or time.monotonic() > deadline:
            raise ClusterError(f"no network namespace of its own ({'process ended' if found is None else found})")
        time.sleep(0.02)
    peer = ("peer", "name", NODE_INTERFACE, "netns", str(node_pid))
    _ip("link", "add", HOST_INTERFACE, "type", "veth", *peer)
    _ip("link", "set", HOST_INTERFACE, "alias", alias(state))
    _ip("address", "add", f"{HOST_ADDRESS}/30", "dev", HOST_INTERFACE)
    _ip("link", "set", HOST_INTERFACE, "up")
    for destination in (POD_NETWORK, SERVICE_NETWORK):
        _ip("route", "replace", destination, "via", NODE_ADDRESS, "dev", HOST_INTERFACE)


def disconnect() -> None:
    """Remove the veth pair, and with it the routes."""
    if owner() is not None:
        # It may disappear at any moment: the kernel removes it with the node's namespace.
        subprocess.run(["ip", "link", "delete", HOST_INTERFACE], check=False, capture_output=True)


def owner() -> str | None:
    """The alias of the veth pair, or None when there is none."""
    try:
        return Path(f"/sys/class/net/{HOST_INTERFACE}/ifalias").read_text().strip()
    except FileNotFoundError:
        return None


def alias(state: Path) -> str:
    """The alias of the veth pair of a cluster with that state directory."""
    return str(state)[-_ALIAS_LIMIT:]


def other_cluster(state: str) -> str:
    """The message that another cluster, with that state directory, is in the way."""
    advice = "stop it first, with `make cluster-down` in the directory above"
    return f"another cluster runs on this machine, with its state in {state}: {advice}"


def foreign_routes() -> list[str]:
    """Routes that overlap the cluster's addresses but aren't its own."""
    found = subprocess.run(["ip", "-json", "-4", "route"], check=True, capture_output=True, text=True).stdout
    return [
        f"{route['dst']} dev {route.get('dev')}"
        for route in json.loads(found)
        if route["dst"].startswith(("198.18.", "198.19.")) and route.get("dev") != HOST_INTERFACE
    ]


def _ip(*args: str) -> None:
    done = subprocess.run(["ip", *args], check=False, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"`ip {' '.join(args)}` failed: {done.stderr.strip()}")
