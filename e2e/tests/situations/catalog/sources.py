"""The source is down, disconnects often, or sends nothing."""

from __future__ import annotations

from typing import Final

from e2e.tests.situations.catalog.common import LATE, SHORT, SOON, SOURCE_DOWN, STARTING, corrected, own
from e2e.tests.situations.situation import Act, Situation, Step, because
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

FLAPS: Final = 3


def silent(subject: Subject) -> str:
    """The address of a simulator that sends nothing."""
    options = ("--rate", "1", "--limit", "0", "--label-rate", "1", "--label-limit", "0")
    return subject.environment.simulator("silent", *options).address


def flap(subject: Subject) -> None:
    """Break the connection FLAPS times. The last time the source refuses connections until the operator sees it."""
    for number in range(1, FLAPS):
        own(subject).fault("cut")
        wait_reconnects(subject, number)
    own(subject).fault("refuse", status=503, times=None)
    own(subject).fault("cut")
    subject.wait_event("Disconnected")
    own(subject).fault("accept")


def wait_reconnects(subject: Subject, count: int) -> None:
    eventually(lambda: subject.status()["firehose"]["reconnects"], until=lambda seen: seen >= count, every=0.5)


def quiet_is(status: str) -> Act:
    """EventsFlowing must have that status, with the reason Quiet."""

    def check(subject: Subject) -> None:
        flowing = eventually(
            lambda: subject.condition("EventsFlowing"), until=lambda seen: seen["reason"] == "Quiet", every=0.5
        )
        assert flowing["status"] == status, flowing

    return check


def reconnected(subject: Subject) -> None:
    wait_reconnects(subject, FLAPS)


SITUATIONS: Final = (
    Situation(
        name="first-connect",
        seconds=45,
        steps=(
            Step(
                what="no source yet",
                does=lambda subject: subject.apply(host=own(subject, up=False).address),
                becomes=Verdict.PROGRESSING,
                because=because("Connecting"),
                through=STARTING,
                stays=10,
            ),
            corrected("source started", lambda subject: own(subject).scale(1)),
        ),
    ),
    Situation(
        name="source-never-there",
        seconds=40,
        steps=(
            Step(
                what="past the deadline",
                does=lambda subject: subject.apply(host="ws://nowhere.invalid", health=SOON),
                becomes=Verdict.DEGRADED,
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
                does=lambda subject: subject.apply(host=own(subject).address),
                becomes=Verdict.READY,
                through=STARTING,
            ),
            Step(
                what="connection broken three times",
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
                does=lambda subject: subject.apply(host=own(subject).address, health=SHORT),
                becomes=Verdict.READY,
                through=LATE,
            ),
            *SOURCE_DOWN,
            corrected("source back", lambda subject: own(subject).scale(1), through=LATE),
        ),
    ),
    Situation(
        name="quiet-relay",
        steps=(
            Step(
                what="applied",
                does=lambda subject: subject.apply(host=silent(subject), health={**SOON, "quietAfterSeconds": 3}),
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
                does=lambda subject: subject.apply(host=silent(subject), health=SOON),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=LATE,
                stays=15,
                then=quiet_is("True"),
            ),
        ),
    ),
)
