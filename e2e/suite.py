"""`make test`: every check and every test, side by side where they wait."""

import os
import signal
import sys
from types import FrameType
from typing import Final

from e2e.cluster.layout import Layout
from e2e.stages import Run, Stage, command


def _target(name: str, *, needs: tuple[str, ...] = (), cores: float) -> Stage:
    """A target of the Makefile as a stage."""
    return Stage(name=name, argv=command(name, os.environ), needs=needs, cores=cores)


# In the order in which they start. `cores` says which fit side by side: see `stages.startable`.
STAGES: Final = (
    _target("prepare", cores=0),
    _target("lint", cores=0.5),
    _target("types", cores=0.5),
    _target("e2e", needs=("prepare",), cores=0.5),
    _target("unit", needs=("prepare",), cores=1),
    _target("integration", needs=("prepare",), cores=1),
)


def main() -> int:
    """Run all stages; 1 if one of them has not passed."""
    signal.signal(signal.SIGTERM, _stop)
    # A shell that starts this in the background has it ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = Run(cores=os.cpu_count() or 1, logs=Layout().cache / "logs", out=sys.stdout)
    try:
        return run(STAGES)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _stop(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
