"""The node's first process: prepares its namespaces, then starts and restarts the components.

Runs as pid 1 of a pid namespace, so it also reaps orphaned processes. When it ends, the kernel ends every process of
the node. It imports only the standard library, because it stays in memory as long as the cluster runs.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.components import Component, all_components
from e2e.cluster.layout import (
    NODE_ADDRESS,
    NODE_DIRECTORY,
    NODE_INTERFACE,
    NODE_NAME,
    PACKAGE,
    SERVICE_NETWORK,
    Layout,
)

# The directory of the in-tree provisioner of hostPath volumes.
VOLUMES = Path("/tmp/hostpath_pv")  # noqa: S108
# Directories with fixed paths of the kubelet and the CNI plugins; the node gets its own empty ones.
PRIVATE = tuple(Path(p) for p in ("/var/lib/kubelet", "/var/lib/cni", "/var/log/containers"))
MOUNT_POINTS = (*PRIVATE, VOLUMES)
LONGEST_PAUSE = 10.0
STEADY = 30.0
# Certificates need no check: the network is the node's own. No proxy leads into it.
_DIRECTLY = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),  # noqa: S323
)


@dataclass
class Supervised:
    """A component and its process. Times are of the monotonic clock, in seconds."""

    component: Component
    pid: int | None = None
    started: float = 0.0
    exits: int = 0
    exit_code: int | None = None
    not_before: float = 0.0

    def exited(self, code: int, now: float) -> None:
        """Record an exit. The next start waits longer with each exit that follows quickly on a start."""
        steady = now - self.started > STEADY
        self.pid, self.exit_code = None, code
        self.exits = 1 if steady else self.exits + 1
        self.not_before = now if steady else now + min(0.5 * 2 ** (self.exits - 1), LONGEST_PAUSE)


def main(state: Path) -> None:
    """Run the node whose state directory is given; never returns."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    layout = Layout(state=state)
    socket.sethostname(NODE_NAME)
    mount_all(layout)
    bring_up_network()
    supervise(layout)


def mount_all(layout: Layout) -> None:
    """Give the node its own /run, and its state, commands and configuration at constant paths."""
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name, source in (("state", layout.state), ("bin", layout.binaries), ("config", PACKAGE / "config")):
        bind(source, NODE_DIRECTORY / name)
    for path in PRIVATE:
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(path))
    bind(layout.state / "volumes", VOLUMES)


def bind(source: Path, target: Path) -> None:
    """Show a directory at another path of the node."""
    target.mkdir(parents=True, exist_ok=True)
    mount("--bind", str(source), str(target))


def mount(*args: str) -> None:
    """mount(8)."""
    subprocess.run(["mount", *args], check=True)


def bring_up_network() -> None:
    """Set up the node's end of the veth pair. There is no default route: nothing can leave the machine."""
    deadline = time.monotonic() + 60
    while not any(line.strip().startswith(f"{NODE_INTERFACE}:") for line in open("/proc/net/dev")):  # noqa: SIM115
        if time.monotonic() > deadline:
            raise SystemExit(f"{NODE_INTERFACE} did not appear in the node's network namespace")
        time.sleep(0.05)
    for command in (
        ("link", "set", "lo", "up"),
        ("address", "add", f"{NODE_ADDRESS}/30", "dev", NODE_INTERFACE),
        ("link", "set", NODE_INTERFACE, "up"),
        # The kernel looks for a route before kube-proxy's rules see a packet. Without one, no process of the node,
        # such as the API server that calls a webhook, reaches a Service.
        ("route", "add", SERVICE_NETWORK, "dev", "lo", "src", NODE_ADDRESS),
    ):
        subprocess.run(["ip", *command], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def supervise(layout: Layout) -> None:
    """Start what can start, reap what has ended and write the state of each component, for ever."""
    everything = [Supervised(component) for component in all_components()]
    while True:
        changed = reap(everything)
        now = time.monotonic()
        for item in everything:
            if item.pid is None and now >= item.not_before and startable(item.component):
                item.pid, item.started = start(item.component, layout), now
                changed = True
        if changed:
            write_status(everything, layout)
        open_volumes(layout)
        all_run = all(item.pid is not None for item in everything)
        signal.sigtimedwait({signal.SIGCHLD}, 0.5 if all_run else 0.1)


def startable(component: Component) -> bool:
    """Whether it can start: its program is built, and everything that it needs is ready."""
    program = Path(component.argv[0])
    return (program.exists() or not program.is_absolute()) and all(map(answers, component.needs))


def start(component: Component, layout: Layout) -> int:
    """Start a component with its output appended to its log file; its pid in the node."""
    log = str(layout.logs / f"{component.name}.log")
    return os.posix_spawnp(
        component.argv[0],
        component.argv,
        {**os.environ, "HOME": "/root"},
        file_actions=(
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ),
        setsid=True,
        setsigmask=(),
    )


def reap(everything: list[Supervised]) -> bool:
    """Collect ended children, including adopted ones. Returns whether a component was among them."""
    by_pid = {item.pid: item for item in everything if item.pid is not None}
    changed = False
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return changed
        if pid == 0:
            return changed
        if item := by_pid.get(pid):
            item.exited(os.waitstatus_to_exitcode(status), time.monotonic())
            changed = True


def answers(address: str) -> bool:
    """Whether a socket, given as a path or as host:port, takes connections, or a URL says 200."""
    try:
        if address.startswith("http"):
            _DIRECTLY.open(address, timeout=5).close()
        elif address.startswith("/"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(address)
        else:
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=1).close()
    except (OSError, http.client.HTTPException):
        return False
    return True


def write_status(everything: list[Supervised], layout: Layout) -> None:
    """Write the components' state for the commands outside to read."""
    report = {
        item.component.name: {"pid": item.pid, "exits": item.exits, "exit_code": item.exit_code} for item in everything
    }
    draft = layout.status.with_suffix(".new")
    draft.write_text(json.dumps(report))
    draft.replace(layout.status)


def open_volumes(layout: Layout) -> None:
    """Let any user write to new volumes: hostPath has no fsGroup, and only root could write to them."""
    for entry in os.scandir(layout.state / "volumes"):
        if entry.stat().st_mode & 0o777 != 0o777:
            os.chmod(entry.path, 0o777)  # noqa: S103


if __name__ == "__main__":
    main(Path(sys.argv[1]))
