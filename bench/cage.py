"""A memory cgroup, as Kubernetes puts a container into one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Cage:
    """Processes in it may use so many bytes together; one that needs more is killed."""

    def __init__(self, directory: Path, *, names: tuple[str, str, str]) -> None:
        self._directory = directory
        self._limit, self._peak, self._events = names

    def restrict(self, size: int) -> None:
        """Allow `size` bytes."""
        (self._directory / self._limit).write_text(str(size))

    def command(self, command: list[str]) -> list[str]:
        """`command`, begun inside."""
        enter = 'echo $$ > "$0" && exec "$@"'
        return ["/bin/sh", "-c", enter, str(self._directory / "cgroup.procs"), *command]

    @property
    def kills(self) -> int:
        """How often a process was killed because the memory was not enough."""
        lines = (self._directory / self._events).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def tell(self) -> str:
        """The peak, and the kills, in words."""
        peak = int((self._directory / self._peak).read_text())
        return f"cgroup peak {peak / 2**20:.1f} MiB (page cache and socket buffers included), {self.kills} kills"


@contextmanager
def cage(mebibytes: int) -> Iterator[Cage]:
    """A cgroup of the second or the first version, removed at the end."""
    if (ROOT / "cgroup.controllers").exists():
        directory, names = ROOT, ("memory.max", "memory.peak", "memory.events")
    else:
        directory = ROOT / "memory"
        names = ("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control")
    made = directory / f"sluice-bench-{os.getpid()}"
    made.mkdir()
    try:
        limited = Cage(made, names=names)
        limited.restrict(mebibytes * 2**20)
        yield limited
    finally:
        made.rmdir()
