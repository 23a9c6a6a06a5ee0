"""Set-up that all worker processes of one test run share: the first does it, the others wait."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path


def once(directory: Path, name: str, do: Callable[[], object]) -> None:
    """Call `do` unless a process of this run has done so. `directory` belongs to the run.

    When `do` raises, the next process that needs it tries again.
    """
    done = directory / f"{name}.done"
    with (directory / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            do()
            done.touch()
