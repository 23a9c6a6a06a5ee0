"""Records processes across commands, so that only the process that was started is ever stopped."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessRecord:
    """A process and when it started (clock ticks since that boot): a reused pid differs in it."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessRecord:
        """Record a live process; ProcessLookupError when there is none."""
        started = start_time(pid)
        if started is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(pid=pid, started=started, boot=boot_id())

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == boot_id() and start_time(self.pid) == self.started

    def kill(self) -> None:
        """SIGKILL it, if it is still the one that was recorded."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # Checked only now: the handle keeps its process, even if the pid is used again.
            if self.alive():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            os.close(handle)


def boot_id() -> str:
    """The identity of the machine's current boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the process's start; None when it is gone or a zombie."""
    try:
        return parse_start_time((_PROC / str(pid) / "stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def parse_start_time(stat: str) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)), None for a dead process. The name may hold spaces, brackets."""
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def namespace(pid: int, kind: str) -> str | None:
    """The identity of a process's namespace ("pid", "net", ...), or None when it is gone."""
    try:
        return os.readlink(_PROC / str(pid) / "ns" / kind)
    except OSError:
        return None


def pids() -> list[int]:
    """All processes of the machine."""
    return [int(entry) for entry in os.listdir(_PROC) if entry.isdigit()]


def members(pid_namespace: str) -> list[int]:
    """The processes in a pid namespace."""
    return [pid for pid in pids() if namespace(pid, "pid") == pid_namespace]


def wait_until_gone(records: list[ProcessRecord], *, seconds: float) -> bool:
    """Wait for processes to end; False when some still run after that time."""
    deadline = time.monotonic() + seconds
    while any(record.alive() for record in records):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
