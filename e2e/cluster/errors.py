"""The error that setting up and running a cluster raises, and the end of a log for its message."""

from __future__ import annotations

from pathlib import Path


class ClusterError(Exception):
    """The cluster can't be set up or used; the message says why and what to do."""


def tail(path: Path, *, lines: int = 12) -> str:
    """The last lines of a log file, indented."""
    try:
        text = path.read_text(errors="replace")
    except FileNotFoundError:
        return "    (no log)"
    return "\n".join(f"    {line[:400]}" for line in text.splitlines()[-lines:]) or "    (empty log)"
