"""One line that tells what goes on and for how long, and commands whose output goes to a log file."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from e2e.cluster.errors import ClusterError, tail

_lock = threading.Lock()
_running: dict[str, float] = {}


@contextmanager
def step(label: str) -> Iterator[None]:
    """Announce a step on standard error, and its duration when it is done. Steps may overlap."""
    begun = time.monotonic()
    with _lock:
        _running[label] = begun
    paint(label)
    try:
        yield
    except BaseException:
        _finish(label, f"{label}: failed after {time.monotonic() - begun:.0f} s")
        raise
    _finish(label, f"{label}: {time.monotonic() - begun:.1f} s")


def paint(label: str = "") -> None:
    """Redraw the line of running steps; off a terminal, announce a new step once."""
    with _lock:
        now = time.monotonic()
        if sys.stderr.isatty():
            line = ", ".join(f"{name} {now - begun:.0f} s" for name, begun in _running.items())
            sys.stderr.write(f"\r\033[K{line}")
        elif label:
            sys.stderr.write(f"{label} ...\n")
        sys.stderr.flush()


def run(
    argv: Sequence[str | Path],
    *,
    log: Path,
    label: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    hint: str = "",
    tries: int = 1,
) -> None:
    """Run a command as a step, its output appended to `log`; ClusterError with the log's end if it fails.

    `tries`: what fetches over a network may fail once, and goes on where it was.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with step(label), log.open("ab") as output:
        for _ in range(tries):
            output.write(f"$ {' '.join(map(str, argv))}\n".encode())
            output.flush()
            code = _exit_code(argv, output=output, cwd=cwd, env=env)
            if code == 0:
                return
        message = f"{label} failed (exit code {code}); log: {log}\n{tail(log)}"
        raise ClusterError(f"{message}\n{hint}".rstrip())


def _exit_code(argv: Sequence[str | Path], *, output: BinaryIO, cwd: Path | None, env: Mapping[str, str] | None) -> int:
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=env
    )
    try:
        while process.poll() is None:
            try:
                process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                paint()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process.returncode


def _finish(label: str, message: str) -> None:
    with _lock:
        _running.pop(label, None)
        sys.stderr.write(f"\r\033[K{message}\n" if sys.stderr.isatty() else f"{message}\n")
        sys.stderr.flush()
    paint()
