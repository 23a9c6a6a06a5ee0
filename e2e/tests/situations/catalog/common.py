"""Steps that many situations begin with."""

from __future__ import annotations

from typing import Any, Final

from e2e.tests.situations.situation import Step, because, via
from e2e.tests.situations.verdicts import Verdict

STARTING: Final = via(Verdict.COMING)
"""What may be said until an ingester has started and connected."""

LATE: Final = via(Verdict.COMING, Verdict.WAITING)
"""The same with QUICK: on a busy machine, a start may take longer than the deadline."""

QUICK: Final = {"degradedAfterSeconds": 8, "stalledAfterSeconds": 8}
"""Of spec.health: short deadlines, so that what comes after them is seen."""


def streaming(*, through: frozenset[Verdict] = STARTING, **spec: Any) -> Step:
    """It is applied and comes to stream."""
    return Step(
        what="applied",
        does=lambda stage: stage.apply(**spec),
        becomes=Verdict.READY,
        because=because("Streaming"),
        through=through,
    )


def mended(what: str, does: Any, *, through: frozenset[Verdict] = STARTING, within: float = 180) -> Step:
    """The cause is taken away, and it streams."""
    return Step(
        what=what, does=does, becomes=Verdict.READY, because=because("Streaming"), through=through, within=within
    )
