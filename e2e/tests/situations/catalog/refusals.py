"""The API server takes nothing for children, or what a pod asks for is not there."""

from __future__ import annotations

from typing import Any, Final

from e2e.tests.situations.catalog.common import STARTING, mended, streaming
from e2e.tests.situations.situation import Act, Situation, Step, because, via
from e2e.tests.situations.stage import Stage
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

# Of spec.health: time enough for a busy kubelet to say what is wrong before the deadline.
PATIENT: Final = {"stalledAfterSeconds": 30}
BROKEN: Final = via(Verdict.COMING, Verdict.STUCK)
AWAY: Final = "/away"


def refuse(stage: Stage) -> None:
    """Let a webhook be asked about its Deployment that nobody answers: there is no such Service."""
    stage.register(AWAY, kind="Validating")


def apply_refused(stage: Stage) -> None:
    refuse(stage)
    stage.apply(health=PATIENT)


def edit_refused(stage: Stage) -> None:
    refuse(stage)
    stage.patch(batch={"size": 100})


def says(kind: str, *words: str) -> Act:
    """The message of that condition holds these words."""

    def look(stage: Stage) -> None:
        found = stage.condition(kind)
        assert found, f"no condition {kind}"
        for word in words:
            assert word in found["message"], found

    return look


def moves(stage: Stage) -> None:
    """Its numbers go on being told."""
    cursor = stage.status()["firehose"]["cursor"]
    eventually(stage.status, until=lambda status: status["firehose"]["cursor"] != cursor, within=60, every=1)
    says("ChildrenOutdated", "webhook")(stage)


def admit(stage: Stage) -> None:
    stage.withdraw(AWAY)


def ca_bundle(stage: Stage) -> dict[str, Any]:
    return {"configMapRef": {"name": f"ca-{stage.name}"}}


def create_ca_bundle(stage: Stage) -> None:
    """The cluster's own authority: any certificate will do for a source without TLS."""
    root = stage.world.kubectl("get", "configmap", "kube-root-ca.crt", "-o", r"jsonpath={.data.ca\.crt}")
    metadata = {"name": f"ca-{stage.name}", "namespace": stage.world.namespace}
    stage.world.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": root}})


def with_volume(stage: Stage) -> None:
    stage.apply(
        health=PATIENT,
        podTemplate={
            "volumes": [{"name": "client", "secret": {"secretName": f"client-{stage.name}"}}],
            "volumeMounts": [{"name": "client", "mountPath": "/etc/redis-client", "readOnly": True}],
        },
    )


def missing(what: str, does: Act, *, named: str, mend: Act) -> tuple[Step, ...]:
    """What a pod mounts is not there, and then it is. It is told by name, not as a pod that is being started."""
    return (
        Step(
            what=what,
            does=does,
            becomes=Verdict.COMING,
            because=because("ReferenceMissing"),
            through=STARTING,
            then=says("Ready", named),
        ),
        Step(
            what="past the deadline",
            becomes=Verdict.STUCK,
            because=because("ReferenceMissing"),
            through=STARTING,
            stays=5,
            then=says("Stalled", named),
        ),
        # A kubelet tries a mount again after up to two minutes.
        mended("it is created", mend, through=BROKEN, within=240),
    )


SITUATIONS: Final = (
    Situation(
        name="webhook-away",
        seconds=100,
        steps=(
            Step(
                what="applied",
                does=apply_refused,
                becomes=Verdict.COMING,
                because=because("ChildRefused"),
                through=STARTING,
                then=says("Ready", "webhook"),
            ),
            Step(
                what="past the deadline",
                becomes=Verdict.STUCK,
                because=because("ChildRefused"),
                through=STARTING,
                stays=10,
            ),
            mended("no webhook", admit, through=BROKEN),
        ),
    ),
    Situation(
        name="webhook-away-later",
        seconds=100,
        steps=(
            streaming(health=PATIENT),
            Step(
                what="edited",
                does=edit_refused,
                becomes=Verdict.COMING,
                because=because("ChildRefused"),
                then=moves,
            ),
            Step(
                what="past the deadline",
                becomes=Verdict.STUCK,
                because=because("ChildRefused"),
                through=STARTING,
                stays=10,
                then=moves,
            ),
            mended("no webhook", admit, through=BROKEN),
        ),
    ),
    Situation(
        name="missing-ca-bundle",
        seconds=150,
        steps=missing(
            "ConfigMap missing",
            lambda stage: stage.apply(health=PATIENT, caBundle=ca_bundle(stage)),
            named="ca-missing-ca-bundle",
            mend=create_ca_bundle,
        ),
    ),
    Situation(
        name="missing-volume",
        seconds=150,
        steps=missing(
            "Secret of a volume missing",
            with_volume,
            named="client-missing-volume",
            mend=lambda stage: stage.world.secret(f"client-{stage.name}", key="value"),
        ),
    ),
)
