"""Pods that end, or can't be created or started."""

from __future__ import annotations

import json
from typing import Any, Final

from e2e.tests.situations.catalog.common import BROKEN, FAR, STARTING, corrected, past_deadline, replaced, streaming
from e2e.tests.situations.situation import Act, Situation, Step, because
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

# An invalid log level, which only the ingester refuses.
WRONG_LEVEL: Final = {"name": "LOG_LEVEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
# spec.health: only the deadline under test is short.
STALLS_SOON: Final = {**FAR, "stalledAfterSeconds": 8}
NO_CONFIG_MAP: Final = {"name": "no-such-map", "key": "proxy"}


def resources(memory: str) -> dict[str, Any]:
    return {"requests": {"memory": memory}, "limits": {"memory": memory}}


def evict(subject: Subject) -> None:
    pod = subject.pod()
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": subject.environment.namespace},
    }
    path = f"/api/v1/namespaces/{subject.environment.namespace}/pods/{pod}/eviction"
    subject.environment.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


def counted_as_evicted(subject: Subject) -> None:
    restarts = eventually(lambda: subject.status()["restarts"], until=lambda seen: seen["count"] > 0, every=0.5)
    assert restarts["count"] == 1, restarts
    # The reason is lost if the pod is deleted before the operator has seen its end.
    assert restarts["lastReason"] in {"EvictionByEvictionAPI", "PodReplaced"}, restarts
    eventually(lambda: subject.condition("Stable"), until=lambda seen: seen["status"] == "False", every=0.5)


def template(**fields: Any) -> Act:
    """Change spec.podTemplate."""
    return lambda subject: subject.patch(podTemplate=fields)


def killed_for_memory(subject: Subject) -> None:
    assert subject.status()["restarts"]["lastReason"] == "OOMKilled", subject.status()["restarts"]
    assert "memory" in subject.condition("Stalled")["message"]
    subject.wait_event("OOMKilled")


SITUATIONS: Final = (
    Situation(
        name="evicted",
        steps=(
            streaming(),
            Step(what="pod evicted", does=evict, becomes=Verdict.PROGRESSING),
            replaced(then=counted_as_evicted),
        ),
    ),
    Situation(
        name="crash-loop",
        seconds=80,
        steps=(
            Step(
                what="applied",
                does=lambda subject: subject.apply(podTemplate={"env": [WRONG_LEVEL]}),
                becomes=Verdict.PROGRESSING,
                because=because("PodNotRunning"),
                through=STARTING,
            ),
            Step(
                what="after three restarts",
                becomes=Verdict.STALLED,
                because=because("CrashLoop"),
                through=STARTING,
                stays=25,
            ),
            corrected("setting corrected", template(env=None), through=BROKEN),
        ),
    ),
    Situation(
        name="oom-killed",
        seconds=80,
        steps=(
            Step(
                what="memory limit too low",
                does=lambda subject: subject.apply(podTemplate={"resources": resources("20Mi")}),
                becomes=Verdict.STALLED,
                because=because("CrashLoop"),
                through=STARTING,
                stays=5,
                then=killed_for_memory,
            ),
            corrected("limit raised", template(resources=resources("128Mi")), through=BROKEN),
        ),
    ),
    Situation(
        name="container-config-error",
        seconds=75,
        steps=(
            streaming(health=FAR),
            Step(
                what="ConfigMap missing",
                does=template(env=[{"name": "PROXY", "valueFrom": {"configMapKeyRef": NO_CONFIG_MAP}}]),
                becomes=Verdict.PROGRESSING,
                because=because("ContainerConfigError"),
                through=STARTING,
            ),
            past_deadline(Verdict.STALLED, "ContainerConfigError", through=STARTING, stays=5),
            corrected("reference removed", template(env=None), through=BROKEN),
        ),
    ),
    Situation(
        name="pod-refused",
        seconds=60,
        steps=(
            Step(
                what="priority class missing",
                does=lambda subject: subject.apply(
                    podTemplate={"priorityClassName": "no-such-class"}, health=STALLS_SOON
                ),
                becomes=Verdict.STALLED,
                because=because("PodRefused"),
                through=STARTING,
                stays=5,
            ),
            corrected("priority class removed", template(priorityClassName=None), through=BROKEN),
        ),
    ),
    Situation(
        name="unschedulable",
        seconds=40,
        steps=(
            Step(
                what="no such node",
                does=lambda subject: subject.apply(podTemplate={"nodeSelector": {"example.org/disk": "none"}}),
                becomes=Verdict.PROGRESSING,
                because=because("Progressing"),
                through=STARTING,
                stays=15,
            ),
            corrected("node selector removed", template(nodeSelector=None)),
        ),
    ),
)
