"""The operator itself is down: no reader may take the last status for the current one."""

from __future__ import annotations

from typing import Final

from e2e.tests.situations.catalog.common import STARTING, corrected, streaming
from e2e.tests.situations.situation import Situation, Step, because
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict


def apply_without_operator(subject: Subject) -> None:
    subject.environment.installation.stop_operator()
    subject.apply()


def edit_without_operator(subject: Subject) -> None:
    subject.environment.installation.stop_operator()
    subject.patch(batch={"size": 100})


def apply_and_kill(subject: Subject) -> None:
    subject.environment.installation.start_operator()  # an earlier situation may have failed with it down
    subject.apply()
    subject.environment.installation.kill_operator()


def edit_and_kill(subject: Subject) -> None:
    subject.patch(batch={"size": 100})
    subject.environment.installation.kill_operator()


def has_one_pod(subject: Subject) -> None:
    assert subject.pod()
    assert subject.status()["restarts"]["count"] == 0, subject.status()["restarts"]


WITHOUT_OPERATOR: Final = (
    Situation(
        name="just-applied",
        seconds=40,
        steps=(
            Step(what="applied, no operator", does=apply_without_operator, becomes=Verdict.UNOBSERVED, stays=2),
            corrected("operator started", lambda subject: subject.environment.installation.start_operator()),
            Step(
                what="edited, no operator",
                does=edit_without_operator,
                becomes=Verdict.OUTDATED,
                because=because("Streaming"),
                stays=2,
            ),
            corrected("operator started again", lambda subject: subject.environment.installation.start_operator()),
        ),
    ),
    Situation(
        name="operator-killed",
        seconds=40,
        steps=(
            corrected("killed while it creates", apply_and_kill),
            Step(
                what="killed while it rolls",
                does=edit_and_kill,
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                then=has_one_pod,
            ),
        ),
    ),
)
"""Each stops the operator, so no other resource of its release may be under test meanwhile."""

SITUATIONS: Final = (
    Situation(name="streaming", seconds=50, steps=(streaming(), Step(what="later", becomes=Verdict.READY, stays=30))),
)
