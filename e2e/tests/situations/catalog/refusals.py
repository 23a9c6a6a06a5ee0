"""The API server refuses a child, or a pod refers to an object that is not there."""

from __future__ import annotations

from typing import Any, Final

from e2e.tests.situations.catalog.common import BROKEN, FAR, STARTING, corrected, past_deadline, streaming
from e2e.tests.situations.situation import Act, Situation, Step, because
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

UNREACHABLE: Final = "/away"


def refuse(subject: Subject) -> None:
    """Register a webhook for its Deployment. The Service of the webhook does not exist."""
    subject.register(UNREACHABLE, kind="Validating")


def apply_refused(subject: Subject) -> None:
    refuse(subject)
    subject.apply(health=FAR)


def edit_refused(subject: Subject) -> None:
    refuse(subject)
    subject.patch(batch={"size": 100})


def message_contains(kind: str, *words: str) -> Act:
    """The message of that condition must contain these words."""

    def check(subject: Subject) -> None:
        found = subject.condition(kind)
        assert found, f"no condition {kind}"
        for word in words:
            assert word in found["message"], found

    return check


def numbers_change(subject: Subject) -> None:
    """The numbers in its status must still change."""
    cursor = subject.status()["firehose"]["cursor"]
    eventually(subject.status, until=lambda status: status["firehose"]["cursor"] != cursor, every=0.5)
    message_contains("ChildrenOutdated", "webhook")(subject)


def admit(subject: Subject) -> None:
    subject.withdraw(UNREACHABLE)


def ca_bundle(subject: Subject) -> dict[str, Any]:
    return {"configMapRef": {"name": f"ca-{subject.name}"}}


def create_ca_bundle(subject: Subject) -> None:
    """Create it with the cluster's CA: a source without TLS needs no particular certificate."""
    root = subject.environment.kubectl("get", "configmap", "kube-root-ca.crt", "-o", r"jsonpath={.data.ca\.crt}")
    metadata = {"name": f"ca-{subject.name}", "namespace": subject.environment.namespace}
    subject.environment.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": root}})


def with_volume(subject: Subject) -> None:
    subject.apply(
        health=FAR,
        podTemplate={
            "volumes": [{"name": "client", "secret": {"secretName": f"client-{subject.name}"}}],
            "volumeMounts": [{"name": "client", "mountPath": "/etc/redis-client", "readOnly": True}],
        },
    )


def missing(what: str, does: Act, *, named: str, correct: Act) -> tuple[Step, ...]:
    """A pod mounts an object that does not exist, and then it is created. The status names the object."""
    return (
        Step(
            what=what,
            does=does,
            becomes=Verdict.PROGRESSING,
            because=because("ReferenceMissing"),
            through=STARTING,
            then=message_contains("Ready", named),
        ),
        past_deadline(
            Verdict.STALLED, "ReferenceMissing", through=STARTING, stays=5, then=message_contains("Stalled", named)
        ),
        # A kubelet retries a mount after up to two minutes.
        corrected("object created", correct, through=BROKEN, within=360),
    )


SITUATIONS: Final = (
    Situation(
        name="webhook-away",
        seconds=100,
        steps=(
            Step(
                what="applied",
                does=apply_refused,
                becomes=Verdict.PROGRESSING,
                because=because("ChildRefused"),
                through=STARTING,
                then=message_contains("Ready", "webhook"),
            ),
            past_deadline(Verdict.STALLED, "ChildRefused", through=STARTING, stays=10),
            corrected("webhook removed", admit, through=BROKEN),
        ),
    ),
    Situation(
        name="webhook-away-later",
        seconds=100,
        steps=(
            streaming(health=FAR),
            Step(
                what="edited",
                does=edit_refused,
                becomes=Verdict.PROGRESSING,
                because=because("ChildRefused"),
                then=numbers_change,
            ),
            past_deadline(Verdict.STALLED, "ChildRefused", through=STARTING, stays=10, then=numbers_change),
            corrected("webhook removed", admit, through=BROKEN),
        ),
    ),
    Situation(
        name="missing-ca-bundle",
        seconds=150,
        steps=missing(
            "ConfigMap missing",
            lambda subject: subject.apply(health=FAR, caBundle=ca_bundle(subject)),
            named="ca-missing-ca-bundle",
            correct=create_ca_bundle,
        ),
    ),
    Situation(
        name="missing-volume",
        seconds=150,
        steps=missing(
            "Secret of a volume missing",
            with_volume,
            named="client-missing-volume",
            correct=lambda subject: subject.environment.secret(f"client-{subject.name}", key="value"),
        ),
    ),
)
