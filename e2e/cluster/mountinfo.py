"""The mount points of this machine."""

from __future__ import annotations

from pathlib import Path


def mount_points(mountinfo: str, *places: Path) -> list[str]:
    """The mount points at or below `places`, the outermost first: field 5 of /proc/PID/mountinfo, proc(5)."""
    points = [line.split()[4] for line in mountinfo.splitlines()]
    return [point for point in points if any(Path(point).is_relative_to(place) for place in places)]
