"""Steps and deadlines that many situations share."""

from __future__ import annotations

from typing import Any, Final

from e2e.tests.situations.simulator import Simulator
from e2e.tests.situations.situation import Act, Step, because, via
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import PATIENCE_SECONDS

STARTING: Final = via(Verdict.PROGRESSING)
"""What may be read until an ingester has started and connected."""

LATE: Final = via(Verdict.PROGRESSING, Verdict.DEGRADED)
"""The same with the deadlines SOON: on a busy machine a start may take longer."""

BROKEN: Final = via(Verdict.PROGRESSING, Verdict.STALLED)
"""What may be read until the cause of a Stalled resource is removed."""

FAR: Final = {"degradedAfterSeconds": 3600, "stalledAfterSeconds": 3600}
"""Of spec.health: deadlines that do not pass while a step waits for what comes before them, however slow the machine
is."""

SOON: Final = {"degradedAfterSeconds": 8, "stalledAfterSeconds": 8}
"""Of spec.health: deadlines that pass quickly."""

SHORT: Final = {**FAR, "degradedAfterSeconds": 20}
"""Of spec.health: a deadline that passes by itself, long enough for a busy operator to report what comes before it.

For a resource that is Ready while its stream is broken: a change of its spec would make it Progressing.
"""

_DEADLINES: Final = {Verdict.DEGRADED: "degradedAfterSeconds", Verdict.STALLED: "stalledAfterSeconds"}
"""The field of spec.health after which a verdict comes."""


def own(subject: Subject, *, up: bool = True) -> Simulator:
    """The simulator that only this situation uses."""
    return subject.environment.simulator(subject.name, up=up)


def streaming(*, through: frozenset[Verdict] = STARTING, **spec: Any) -> Step:
    """Apply the resource and wait until it streams."""
    return Step(
        what="applied",
        does=lambda subject: subject.apply(**spec),
        becomes=Verdict.READY,
        because=because("Streaming"),
        through=through,
    )


def past_deadline(
    becomes: Verdict,
    *reasons: str,
    through: frozenset[Verdict] = frozenset(),
    stays: float = 0,
    then: Act = lambda _: None,
) -> Step:
    """Shorten the deadline of that verdict from FAR to SOON. An earlier step has checked the state before it."""
    field = _DEADLINES[becomes]
    return Step(
        what="past the deadline",
        does=lambda subject: subject.patch(health={field: SOON[field]}),
        becomes=becomes,
        because=because(*reasons),
        through=through,
        stays=stays,
        then=then,
    )


def overdue(*reasons: str, stays: float = 0) -> Step:
    """Wait until the deadline SHORT passes, without a change of the spec."""
    return Step(what="past the deadline", becomes=Verdict.DEGRADED, because=because(*reasons), stays=stays)


def corrected(
    what: str, does: Any, *, through: frozenset[Verdict] = STARTING, within: float = PATIENCE_SECONDS
) -> Step:
    """Remove the cause and wait until the resource streams."""
    return Step(
        what=what, does=does, becomes=Verdict.READY, because=because("Streaming"), through=through, within=within
    )


def replaced(*, then: Act) -> Step:
    """Wait until a pod that is gone has been replaced, and the resource streams."""
    return Step(
        what="replaced",
        becomes=Verdict.READY,
        because=because("Streaming"),
        through=STARTING,
        stays=3,
        then=then,
    )


SOURCE_DOWN: Final = (
    Step(
        what="source down",
        does=lambda subject: own(subject).scale(0),
        becomes=Verdict.READY,
        because=because("Reconnecting"),
    ),
    overdue("SourceUnavailable", stays=3),
)
"""The simulator of the situation is stopped, until the deadline SHORT has passed."""
