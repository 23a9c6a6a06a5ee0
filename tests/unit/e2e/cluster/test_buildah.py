"""What a build that was killed leaves behind."""

from pathlib import Path

from e2e.cluster import buildah

MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/root rw
40 22 0:30 / /work/images/storage/vfs/1/proc rw shared:1 - proc proc rw
41 40 0:31 / /work/images/storage/vfs/1/proc/sys rw - proc proc rw
42 22 0:32 / /work/images-of-others rw - tmpfs tmpfs rw
"""


def test_the_mounts_of_builds_are_found_the_innermost_first() -> None:
    assert buildah.mount_points(MOUNTS, Path("/work/images")) == [
        "/work/images/storage/vfs/1/proc/sys",
        "/work/images/storage/vfs/1/proc",
    ]
    assert buildah.mount_points(MOUNTS, Path("/work/others")) == []
