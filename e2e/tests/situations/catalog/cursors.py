"""The cursor and the source don't fit."""

from __future__ import annotations

from typing import Any, Final

from e2e.tests.situations.catalog.common import STARTING, mended
from e2e.tests.situations.simulator import Simulator
from e2e.tests.situations.situation import Situation, Step, because, via
from e2e.tests.situations.stage import Stage
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

LATER: Final = 1_000
HALTED: Final = via(Verdict.COMING, Verdict.STUCK)


def forgetful(stage: Stage) -> Simulator:
    """A source of which two situations find the cursor outdated."""
    return stage.world.simulator("forgetful", "--rate", "5", "--first-seq", "clock", "--cursors", "spec")


def apply_outdated(stage: Stage, **spec: Any) -> None:
    """Apply with a cursor that the source no longer reaches."""
    source = forgetful(stage)
    newest = source.newest()
    source.fault("evict", keep=2)
    cursor = stage.redis_key(f"firehose_live:cursor:{source.host}")
    stage.redis_cli("SET", cursor, str(newest - LATER))
    stage.apply(host=source.address, **spec)


def gap_is_told(stage: Stage) -> None:
    gap = eventually(lambda: stage.status()["firehose"].get("lastGap"), until=bool, within=60, every=1)
    assert gap["reason"] == "OutdatedCursor", gap
    eventually(lambda: stage.condition("ErrorFree"), until=lambda seen: seen["status"] == "False", within=60, every=1)
    stage.wait_event("EventsLost")


def reset_source(stage: Stage) -> Simulator:
    """A source that will begin its sequence anew, as relays have done: silently."""
    return stage.world.simulator(stage.name, "--rate", "5", "--first-seq", "clock", "--cursors", "indigo")


def begin_anew(stage: Stage) -> None:
    source = reset_source(stage)
    source.fault("seq", to=5)
    source.fault("cut")


SITUATIONS: Final = (
    Situation(
        name="cursor-regression",
        seconds=60,
        steps=(
            Step(
                what="applied",
                does=lambda stage: stage.apply(host=reset_source(stage).address),
                becomes=Verdict.READY,
                through=STARTING,
            ),
            Step(
                what="sequence began anew",
                does=begin_anew,
                becomes=Verdict.STUCK,
                because=because("SequenceMovedBack"),
                stays=5,
            ),
            mended(
                "cursor set by the spec",
                lambda stage: stage.patch(cursor={"position": "oldest", "nonce": "1"}),
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
                then=gap_is_told,
            ),
        ),
    ),
    Situation(
        name="cursor-outdated-halt",
        seconds=45,
        steps=(
            Step(
                what="applied",
                does=lambda stage: apply_outdated(stage, onCursorLost="Halt"),
                becomes=Verdict.STUCK,
                because=because("OutdatedCursor"),
                through=STARTING,
                stays=5,
            ),
            mended(
                "cursor set by the spec",
                lambda stage: stage.patch(cursor={"position": "live", "nonce": "1"}),
                through=HALTED,
            ),
        ),
    ),
)
