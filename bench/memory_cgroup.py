"""A memory cgroup with a limit, as Kubernetes creates for a container."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class MemoryCgroup:
    """Limits the memory of all processes in it. The kernel kills a process that needs more."""

    def __init__(self, directory: Path, *, names: tuple[str, str, str]) -> None:
        self._directory = directory
        self._limit, self._peak, self._events = names

    def set_limit(self, size: int) -> None:
        """Set the limit to `size` bytes."""
        (self._directory / self._limit).write_text(str(size))

    def command(self, command: list[str]) -> list[str]:
        """`command`, started inside the cgroup."""
        enter = 'echo $$ > "$0" && exec "$@"'
        return ["/bin/sh", "-c", enter, str(self._directory / "cgroup.procs"), *command]

    @property
    def kills(self) -> int:
        """The number of processes that the kernel killed at the limit."""
        lines = (self._directory / self._events).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def summary(self) -> str:
        """A line of text with the peak memory and the number of kills."""
        peak = int((self._directory / self._peak).read_text())
        return f"cgroup peak {peak / 2**20:.1f} MiB (page cache and socket buffers included), {self.kills} kills"


@contextmanager
def memory_cgroup(mebibytes: int) -> Iterator[MemoryCgroup]:
    """A cgroup of version 2, or of version 1 if the system has no other. It is removed at the end."""
    if (ROOT / "cgroup.controllers").exists():
        directory, names = ROOT, ("memory.max", "memory.peak", "memory.events")
    else:
        directory = ROOT / "memory"
        names = ("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control")
    made = directory / f"sluice-bench-{os.getpid()}"
    made.mkdir()
    try:
        cgroup = MemoryCgroup(made, names=names)
        cgroup.set_limit(mebibytes * 2**20)
        yield cgroup
    finally:
        made.rmdir()
