"""How memory is taken from the system and given back."""

import contextlib
import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def configure_malloc() -> None:
    """Let glibc give back what a large frame took; elsewhere, do nothing.

    By itself it raises the size from which on blocks are mapped alone (and returned alone) to that
    of the largest one ever freed. Then frames of megabytes leave holes in the heap that stay with
    the process, and a pod of 64 MiB ends there. 512 KiB is above what each read of a socket takes.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 512 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 1024 * 1024)
        mallopt(_M_ARENA_MAX, 1)
