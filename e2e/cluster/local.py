"""Starts and stops the local cluster: one node, in separate Linux namespaces."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from e2e.cluster import certs, network, packages, progress, ready, records, tools, traces
from e2e.cluster.errors import ClusterError, tail
from e2e.cluster.layout import ROOT, Layout
from e2e.cluster.process import ProcessRecord, wait_until_gone

NAMESPACES = ("--mount", "--propagation=slave", "--net", "--uts", "--ipc", "--pid", "--fork")
LOCK_SECONDS = 900


def start(layout: Layout) -> None:
    """Start the node unless it runs, and wait until it takes images.

    etcd and containerd start at once, Kubernetes as soon as its commands are built. Raises ClusterError with the reason
    if this machine can't run the node.
    """
    if os.geteuid() != 0:
        raise ClusterError("the local cluster makes namespaces and mounts: run as root")
    packages.ensure(layout.cache / "packages.log", packages.CLUSTER)
    with _locked(layout):
        _ensure_node(layout)


def up(layout: Layout, *, timeout: float = ready.TIMEOUT) -> None:
    """Start the cluster unless it runs, and wait until it is ready; ClusterError with the reason if it is not in time.

    `timeout`: seconds from the moment that the node runs and the commands are built.
    """
    start(layout)
    tools.ensure(layout)
    with _locked(layout):
        _ensure_node(layout)
        with progress.step("wait until Kubernetes is ready", outer=True):
            ready.wait(layout, checks=ready.CLUSTER, timeout=timeout)


def down(layout: Layout) -> None:
    """Stop what `start` has started, and remove what it has created except the caches. Does nothing if there is
    nothing.
    """
    with _locked(layout):
        _stop_node(layout)
        traces.restore(layout)
        if layout.state.exists():
            shutil.rmtree(layout.state)


def _ensure_node(layout: Layout) -> None:
    if not records.running(layout):
        with progress.step("start the node"):
            tools.discard_outdated(layout)
            _start_node(layout)
            ready.wait(layout, checks=ready.NODE, timeout=ready.TIMEOUT)


def _start_node(layout: Layout) -> None:
    # After a crash or a reboot something of the last node may be left.
    _stop_node(layout)
    if (owner := network.owner()) is not None:
        raise ClusterError(network.other_cluster(owner))
    if routes := network.foreign_routes():
        raise ClusterError(f"the cluster's addresses are in use here: {', '.join(routes)}")
    for directory in (layout.logs, layout.state / "volumes", layout.binaries):
        directory.mkdir(parents=True, exist_ok=True)
    layout.status.unlink(missing_ok=True)
    if not (layout.pki / "admin.kubeconfig").exists():
        certs.write_all(layout.pki)
    shutil.copy2(layout.pki / "admin.kubeconfig", layout.kubeconfig)
    traces.save(layout)
    with suppress(FileNotFoundError):
        subprocess.run(["modprobe", "--all", "overlay", "br_netfilter"], check=False, capture_output=True)
    log = layout.logs / "node.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            # If the first of the two processes ends, the kernel ends the second, and with it the node.
            [
                "unshare",
                *NAMESPACES,
                "--kill-child",
                "--mount-proc",
                sys.executable,
                "-m",
                "e2e.cluster.node",
                layout.state,
            ],
            cwd=ROOT,
            env={**os.environ, "PATH": packages.SEARCH_PATH},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        outer = ProcessRecord.of(process.pid)
        records.write(layout, [outer])
        network.connect(process.pid, layout.state)
        records.write(layout, [outer, ProcessRecord.of(records.first_process(process.pid))])
    except (ClusterError, ProcessLookupError) as error:
        process.kill()
        raise ClusterError(f"the node did not start: {error}; log: {log}\n{tail(log)}") from error


def _stop_node(layout: Layout) -> None:
    processes = records.read(layout)
    for process in processes:
        process.kill()
    if not wait_until_gone(processes, seconds=60):
        raise ClusterError(f"processes don't end: {[process.pid for process in processes if process.alive()]}")
    if network.owner() == network.alias(layout.state):
        network.disconnect()
    if network.owner() is None:
        # A new kubelet asks containerd about each cgroup of a dead node, which takes half a minute.
        traces.remove_cgroups()
    layout.record.unlink(missing_ok=True)


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """Hold the lock of the cluster: only one command starts or stops it at a time."""
    layout.lock.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    with layout.lock.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ClusterError(f"another command holds {layout.lock}") from None
                time.sleep(0.2)
        yield
