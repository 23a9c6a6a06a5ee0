"""The source is away, disconnects often, or sends nothing."""

from __future__ import annotations

from typing import Final

from e2e.tests.situations.catalog.common import FAR, LATE, SOON, STARTING, mended, past_deadline
from e2e.tests.situations.simulator import Simulator
from e2e.tests.situations.situation import Act, Situation, Step, because
from e2e.tests.situations.stage import Stage
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

FLAPS: Final = 3


def own(stage: Stage, *, up: bool = True) -> Simulator:
    """The simulator of this situation alone."""
    return stage.world.simulator(stage.name, up=up)


def silent(stage: Stage) -> str:
    """The address of a simulator that sends nothing."""
    options = ("--rate", "1", "--limit", "0", "--label-rate", "1", "--label-limit", "0")
    return stage.world.simulator("silent", *options).address


def flap(stage: Stage) -> None:
    for _ in range(FLAPS):
        # A cut while the ingester waits to connect again cuts nothing.
        eventually(lambda: own(stage).fault("cut")["readers"], until=bool, every=0.5)


def quiet_is(status: str) -> Act:
    """EventsFlowing has that status, with the reason Quiet."""

    def look(stage: Stage) -> None:
        flowing = eventually(
            lambda: stage.condition("EventsFlowing"), until=lambda seen: seen["reason"] == "Quiet", every=0.5
        )
        assert flowing["status"] == status, flowing

    return look


def reconnected(stage: Stage) -> None:
    eventually(lambda: stage.status()["firehose"]["reconnects"], until=lambda seen: seen >= FLAPS, every=0.5)
    stage.wait_event("Disconnected")


SITUATIONS: Final = (
    Situation(
        name="first-connect",
        seconds=45,
        steps=(
            Step(
                what="no source yet",
                does=lambda stage: stage.apply(host=own(stage, up=False).address),
                becomes=Verdict.COMING,
                because=because("Connecting"),
                through=STARTING,
                stays=10,
            ),
            mended("the source comes", lambda stage: own(stage).scale(1)),
        ),
    ),
    Situation(
        name="source-never-there",
        seconds=40,
        steps=(
            Step(
                what="past the deadline",
                does=lambda stage: stage.apply(host="ws://nowhere.invalid", health=SOON),
                becomes=Verdict.WAITING,
                because=because("SourceUnavailable"),
                through=LATE,
                stays=10,
            ),
        ),
    ),
    Situation(
        name="source-flapping",
        seconds=45,
        steps=(
            Step(
                what="applied",
                does=lambda stage: stage.apply(host=own(stage).address),
                becomes=Verdict.READY,
                through=STARTING,
            ),
            Step(
                what="connection cut thrice",
                does=flap,
                becomes=Verdict.READY,
                because=because("Streaming", "Reconnecting"),
                stays=10,
                then=reconnected,
            ),
        ),
    ),
    Situation(
        name="source-down",
        seconds=60,
        steps=(
            Step(
                what="applied",
                does=lambda stage: stage.apply(host=own(stage).address, health=FAR),
                becomes=Verdict.READY,
                through=STARTING,
            ),
            Step(
                what="source gone",
                does=lambda stage: own(stage).scale(0),
                becomes=Verdict.READY,
                because=because("Reconnecting"),
            ),
            past_deadline(Verdict.WAITING, "SourceUnavailable", stays=3),
            mended("source back", lambda stage: own(stage).scale(1), through=LATE),
        ),
    ),
    Situation(
        name="quiet-relay",
        steps=(
            Step(
                what="applied",
                does=lambda stage: stage.apply(host=silent(stage), health={**SOON, "quietAfterSeconds": 3}),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=LATE,
                stays=15,
                then=quiet_is("False"),
            ),
        ),
    ),
    Situation(
        name="labeler-quiet",
        kind="labeler",
        steps=(
            Step(
                what="applied",
                does=lambda stage: stage.apply(host=silent(stage), health=SOON),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=LATE,
                stays=15,
                then=quiet_is("True"),
            ),
        ),
    ),
)
