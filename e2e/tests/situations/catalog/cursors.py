"""The source can't continue from the stored cursor."""

from __future__ import annotations

from typing import Any, Final

from e2e.tests.situations.catalog.common import STARTING, corrected
from e2e.tests.situations.simulator import Simulator
from e2e.tests.situations.situation import Situation, Step, because, via
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

LATER: Final = 1_000
HALTED: Final = via(Verdict.PROGRESSING, Verdict.STALLED)


def source_with_gap(subject: Subject) -> Simulator:
    """A source for two situations: it has dropped the events after their cursor."""
    return subject.environment.simulator("forgetful", "--rate", "5", "--first-seq", "clock", "--cursors", "spec")


def apply_outdated(subject: Subject, **spec: Any) -> None:
    """Apply with a stored cursor that is older than all events which the source still has."""
    source = source_with_gap(subject)
    newest = source.newest()
    source.fault("evict", keep=2)
    cursor = subject.redis_key(f"firehose_live:cursor:{source.host}")
    subject.environment.redis("SET", cursor, str(newest - LATER))
    subject.apply(host=source.address, **spec)


def gap_is_reported(subject: Subject) -> None:
    gap = eventually(lambda: subject.status()["firehose"].get("lastGap"), until=bool, every=0.5)
    assert gap["reason"] == "OutdatedCursor", gap
    eventually(lambda: subject.condition("ErrorFree"), until=lambda seen: seen["status"] == "False", every=0.5)
    subject.wait_event("EventsLost")


def reset_source(subject: Subject) -> Simulator:
    """A source that will restart its sequence without a notice, as relays have done."""
    return subject.environment.simulator(subject.name, "--rate", "5", "--first-seq", "clock", "--cursors", "indigo")


def restart_sequence(subject: Subject) -> None:
    source = reset_source(subject)
    source.fault("seq", to=5)
    source.fault("cut")


SITUATIONS: Final = (
    Situation(
        name="cursor-regression",
        seconds=60,
        steps=(
            Step(
                what="applied",
                does=lambda subject: subject.apply(host=reset_source(subject).address),
                becomes=Verdict.READY,
                through=STARTING,
            ),
            Step(
                what="sequence restarted",
                does=restart_sequence,
                becomes=Verdict.STALLED,
                because=because("SequenceMovedBack"),
                stays=5,
            ),
            corrected(
                "cursor set by the spec",
                lambda subject: subject.patch(cursor={"position": "oldest", "nonce": "1"}),
                through=HALTED,
            ),
        ),
    ),
    Situation(
        name="cursor-outdated",
        seconds=45,
        steps=(
            Step(
                what="applied",
                does=apply_outdated,
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                stays=8,
                then=gap_is_reported,
            ),
        ),
    ),
    Situation(
        name="cursor-outdated-halt",
        seconds=45,
        steps=(
            Step(
                what="applied",
                does=lambda subject: apply_outdated(subject, onCursorLost="Halt"),
                becomes=Verdict.STALLED,
                because=because("OutdatedCursor"),
                through=STARTING,
                stays=5,
            ),
            corrected(
                "cursor set by the spec",
                lambda subject: subject.patch(cursor={"position": "live", "nonce": "1"}),
                through=HALTED,
            ),
        ),
    ),
)
