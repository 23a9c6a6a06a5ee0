"""The CPU time of the whole machine, which shows whether other programs disturb a measurement."""

import os
from pathlib import Path
from typing import Final

_BUSY: Final = (0, 1, 2, 5, 6)
"""The columns of /proc/stat that are not idle: user, nice, system, irq, softirq."""


def machine_cpu_seconds() -> float:
    """The CPU time of all processes and of the kernel since the machine has started."""
    columns = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(int(columns[number]) for number in _BUSY) / os.sysconf("SC_CLK_TCK")
