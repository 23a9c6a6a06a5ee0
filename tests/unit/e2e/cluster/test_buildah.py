"""What a build that was killed leaves behind."""

from pathlib import Path

from e2e.cluster import buildah
from e2e.cluster.layout import Layout

MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/root rw
40 22 0:30 / /cache/images/storage/vfs/1/proc rw shared:1 - proc proc rw
41 40 0:31 / /cache/images/storage/vfs/1/proc/sys rw - proc proc rw
42 22 0:32 / /cache/images-of-others rw - tmpfs tmpfs rw
"""


def test_the_mounts_of_builds_are_found_the_innermost_first() -> None:
    assert buildah.leftover_mounts(MOUNTS, Layout(cache=Path("/cache"))) == [
        "/cache/images/storage/vfs/1/proc/sys",
        "/cache/images/storage/vfs/1/proc",
    ]
    assert buildah.leftover_mounts(MOUNTS, Layout(cache=Path("/others"))) == []
