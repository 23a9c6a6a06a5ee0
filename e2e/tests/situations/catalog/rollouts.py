"""A changed spec is rolled out, or can't be."""

from __future__ import annotations

import json
from typing import Final

from e2e.cluster.images import REDIS
from e2e.tests.situations.catalog.common import STARTING, corrected, streaming
from e2e.tests.situations.situation import Situation, Step, because, via
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict

NO_IMAGE: Final = "localhost/no-such-image:1"
ROLLING: Final = because("Progressing", "PodNotRunning", "Connecting")


def has_the_last_size(subject: Subject) -> None:
    pod = json.loads(subject.environment.kubectl("get", "pod", subject.pod(), "-o", "json"))
    environment = {item["name"]: item.get("value") for item in pod["spec"]["containers"][0]["env"]}
    assert "102" in environment.values(), environment


def no_restart(subject: Subject) -> None:
    assert subject.status()["restarts"]["count"] == 0, subject.status()["restarts"]


SITUATIONS: Final = (
    Situation(
        name="rolling",
        steps=(
            streaming(),
            Step(
                what="spec edited",
                does=lambda subject: subject.patch(batch={"size": 100}),
                becomes=Verdict.PROGRESSING,
                because=ROLLING,
            ),
            Step(
                what="rolled out",
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                stays=5,
                then=no_restart,
            ),
        ),
    ),
    Situation(
        name="edited-in-rollout",
        steps=(
            streaming(),
            Step(
                what="spec edited",
                does=lambda subject: subject.patch(batch={"size": 101}),
                becomes=Verdict.PROGRESSING,
                because=ROLLING,
            ),
            Step(
                what="edited again",
                does=lambda subject: subject.patch(batch={"size": 102}),
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                stays=3,
                then=has_the_last_size,
            ),
        ),
    ),
    Situation(
        name="image-pull-error",
        seconds=60,
        steps=(
            Step(
                what="applied",
                does=lambda subject: subject.apply(image=NO_IMAGE),
                becomes=Verdict.PROGRESSING,
                because=because("ImagePullFailed"),
            ),
            Step(
                what="half a minute later",
                becomes=Verdict.STALLED,
                because=because("ImagePullFailed"),
                through=STARTING,
                stays=5,
            ),
            corrected(
                "image corrected",
                lambda subject: subject.patch(image=None),
                through=via(Verdict.PROGRESSING, Verdict.STALLED),
            ),
        ),
    ),
    Situation(
        name="rolled-to-bad-image",
        seconds=60,
        steps=(
            streaming(),
            Step(
                what="image without ingester",
                does=lambda subject: subject.patch(image=REDIS.tag),
                becomes=Verdict.PROGRESSING,
            ),
            Step(
                what="soon",
                becomes=Verdict.STALLED,
                because=because("ContainerConfigError", "CrashLoop"),
                through=STARTING,
                stays=20,
            ),
            corrected(
                "image corrected",
                lambda subject: subject.patch(image=None),
                through=via(Verdict.PROGRESSING, Verdict.STALLED),
            ),
        ),
    ),
)
