"""Records the processes of the running node, and runs commands inside it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Layout
from e2e.cluster.process import ProcessRecord, members, namespace


def read(layout: Layout) -> list[ProcessRecord]:
    """The recorded first processes, outer one first, whether they run or not."""
    try:
        return [ProcessRecord(**entry) for entry in json.loads(layout.record.read_text())]
    except FileNotFoundError:
        return []


def write(layout: Layout, records: Sequence[ProcessRecord]) -> None:
    """Record the node's first processes."""
    draft = layout.record.with_suffix(".new")
    draft.write_text(json.dumps([asdict(record) for record in records]))
    draft.replace(layout.record)


def running(layout: Layout) -> list[ProcessRecord]:
    """The node's two first processes while both run, else nothing."""
    records = read(layout)
    return records if len(records) == 2 and all(record.alive() for record in records) else []


def component_pids(layout: Layout) -> dict[str, int | None]:
    """Each component's pid as the machine counts, None while it doesn't run; empty when the node is down."""
    records = running(layout)
    pid_namespace = namespace(records[1].pid, "pid") if records else None
    if pid_namespace is None or not layout.status.exists():
        return {}
    outside = {pid_inside(pid): pid for pid in members(pid_namespace)}
    report = json.loads(layout.status.read_text())
    return {name: outside.get(entry["pid"]) if entry["pid"] else None for name, entry in report.items()}


def in_node(layout: Layout, *argv: str | Path) -> list[str]:
    """The command that runs a command in the node's mount and network namespaces."""
    records = running(layout)
    if not records:
        raise ClusterError("the cluster does not run: `python -m e2e.cluster up`")
    return ["nsenter", f"--target={records[0].pid}", "--mount", "--net", "--", *map(str, argv)]


def first_process(outer: int) -> int:
    """The pid, as the machine counts, of the node's pid 1, once the outer process has forked it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        inner = namespace(outer, "pid_for_children")
        if inner and inner != namespace(outer, "pid"):
            for pid in members(inner):
                if pid_inside(pid) == 1:
                    return pid
        time.sleep(0.02)
    raise ProcessLookupError("no first process in the node's pid namespace")


def pid_inside(pid: int) -> int | None:
    """A process's pid in its innermost namespace; None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[-1]) for line in status.splitlines() if line.startswith("NSpid:")), None)
