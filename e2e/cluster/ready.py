"""Waits until the node or the cluster is ready, and names the component that is not."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from e2e.cluster import archive
from e2e.cluster.components import all_components
from e2e.cluster.errors import ClusterError, tail
from e2e.cluster.layout import NODE_ADDRESS, NODE_NAME, PACKAGE, Layout

TIMEOUT = 55.0
# A component that waits for another may exit once or twice at first. If it exits more often, it can't run.
EXITS_ALLOWED = 3


@dataclass(frozen=True)
class Check:
    """A state to wait for: its name, the component whose log explains a failure, and the test for it."""

    what: str
    component: str
    passes: Callable[[Layout], bool]


def wait(layout: Layout, *, checks: tuple[Check, ...], timeout: float) -> None:
    """Wait until every check passes, in order.

    Raises ClusterError when a component keeps exiting, or after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    for check in checks:
        while not check.passes(layout):
            if failed := failing(layout):
                raise ClusterError(f"{failed} keeps exiting;{_evidence(layout, failed)}")
            if time.monotonic() > deadline:
                raise ClusterError(f"after {timeout:.0f} s: not yet {check.what};{_evidence(layout, check.component)}")
            time.sleep(0.2)


def report(layout: Layout) -> dict[str, dict[str, int | None]]:
    """What the supervisor reports of each component: pid (inside the node), exits in a row, last exit code."""
    try:
        found: dict[str, dict[str, int | None]] = json.loads(layout.status.read_text())
    except FileNotFoundError:
        return {}
    return found


def failing(layout: Layout) -> str | None:
    """The first component that exited too often in a row; one that was killed is only restarted."""
    for name, entry in report(layout).items():
        killed = (entry["exit_code"] or 0) < 0
        if (entry["exits"] or 0) >= EXITS_ALLOWED and entry["pid"] is None and not killed:
            return name
    return None


def _evidence(layout: Layout, component: str) -> str:
    log = layout.logs / f"{component}.log"
    if not log.exists():
        log = layout.logs / "node.log"
    return f" log: {log}\n{tail(log)}"


def _all_run(layout: Layout) -> bool:
    found = report(layout)
    return all((found.get(component.name) or {}).get("pid") for component in all_components())


def _kubectl(layout: Layout, *args: str) -> str | None:
    """Standard output of kubectl, or None when it fails; the caller tries again."""
    command = [
        str(layout.binaries / "kubectl"),
        f"--kubeconfig={layout.kubeconfig}",
        "--request-timeout=5s",
        *args,
    ]
    env = {**os.environ, "KUBECACHEDIR": str(layout.state / "kube-cache")}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    return None if done.returncode else done.stdout


def _apiserver_ready(layout: Layout) -> bool:
    return _kubectl(layout, "get", "--raw=/readyz") is not None


def _defaults_applied(layout: Layout) -> bool:
    marker = layout.state / "defaults-applied"
    if marker.exists():
        return True
    if _kubectl(layout, "apply", f"--filename={PACKAGE / 'config' / 'manifests.yaml'}") is not None:
        marker.touch()
    return marker.exists()


def _node_ready(layout: Layout) -> bool:
    # After a crash etcd still holds the Ready condition of the last node: only a newer heartbeat counts.
    ready = '.status.conditions[?(@.type=="Ready")]'
    form = f"--output=jsonpath={{{ready}.status}} {{{ready}.lastHeartbeatTime}}"
    said = (_kubectl(layout, "get", "node", NODE_NAME, form) or "").split()
    started = int(layout.record.stat().st_mtime)
    return said[:1] == ["True"] and dt.datetime.fromisoformat(said[1]).timestamp() >= started


def _dns_ready(_: Layout) -> bool:
    try:
        with urllib.request.urlopen(f"http://{NODE_ADDRESS}:8181/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _service_account_there(layout: Layout) -> bool:
    return _kubectl(layout, "get", "serviceaccount", "default", "--namespace=default") is not None


NODE = (Check("containerd ready", "containerd", archive.containerd_answers),)
CLUSTER = (
    Check("every component started", "node", _all_run),
    Check("API server ready", "kube-apiserver", _apiserver_ready),
    Check("storage class and roles applied", "kube-apiserver", _defaults_applied),
    Check("the pause image loaded", "containerd", archive.load_pause),
    Check("a Ready node", "kubelet", _node_ready),
    Check("DNS ready", "coredns", _dns_ready),
    Check("a default service account", "kube-controller-manager", _service_account_there),
)
