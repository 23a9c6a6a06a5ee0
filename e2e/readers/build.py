"""Builds the Go program of this directory from pinned modules into a cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

from e2e.cluster import progress
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Layout

SOURCE: Final = Path(__file__).resolve().parent
_COMMAND: Final = ("go", "build", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")


def fingerprint() -> str:
    """A hash of all that decides what is built."""
    digest = hashlib.sha256(" ".join(_COMMAND).encode())
    for path in sorted([*SOURCE.glob("*.go"), SOURCE / "go.mod", SOURCE / "go.sum"]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def ensure(layout: Layout | None = None) -> Path:
    """Build the program unless the cache has it (half a minute when cold); its path."""
    cache = (layout or Layout()).cache / "readers"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / f"readers-{fingerprint()[:12]}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program, log=cache / "build.log")
    return program


def _build(program: Path, *, log: Path) -> None:
    if shutil.which("go") is None:
        raise ClusterError("Go is missing: kstatus and Argo CD's engine are built with it (1.26 or newer)")
    log.unlink(missing_ok=True)
    fresh = program.with_suffix(".fresh")
    command = [*_COMMAND, "-o", str(fresh), "."]
    env = {**os.environ, "CGO_ENABLED": "0"}
    progress.run(
        command, log=log, label="build kstatus and Lua", duration="a minute, once", cwd=SOURCE, env=env, tries=3
    )
    for old in program.parent.glob("readers-*"):
        if old != fresh:
            old.unlink()
    fresh.replace(program)
