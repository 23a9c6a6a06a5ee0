"""Configuring glibc's malloc, so that memory of large frames is returned to the system."""

import contextlib
import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def configure_malloc() -> None:
    """Let glibc return the memory of large frames. Without glibc, do nothing.

    glibc maps large blocks separately, and returns them. By default it raises the limit for that to the size of the
    largest block ever freed. Then frames of megabytes leave holes in the heap, and a pod with 64 MiB runs out of
    memory. The limit of 512 KiB is above the size of each read from a socket.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 512 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 1024 * 1024)
        mallopt(_M_ARENA_MAX, 1)
