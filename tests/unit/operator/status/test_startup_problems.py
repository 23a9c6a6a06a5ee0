"""A pod that does not start: the reason, the message, and when the source is Stalled."""

from dataclasses import replace

import pytest

from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.pod import BlockerFacts
from sluice_operator.observed.facts.startup import PodEvent, StartupFacts
from tests.unit.operator.status.situations import after, ago, conditions, facts, pod, waiting_pod

MISSING = StartupFacts(missing=("There is no ConfigMap private-ca, which spec.caBundle names: create it",))
FAILING = BlockerFacts(
    name="a-proxy", is_failing=True, description="container a-proxy; it exited with Error, exit code 3"
)
UNFINISHED = BlockerFacts(
    name="a-proxy", is_failing=False, description="init container a-proxy; it has not finished yet"
)


def event(reason: str, *, age: float = 5) -> StartupFacts:
    return StartupFacts(event=PodEvent(reason=reason, message="exit status 32", first=ago(age), last=ago(1)))


def starting(start: StartupFacts = StartupFacts(), *, age: float = 5, **changes: object) -> Facts:  # noqa: B008
    return facts(pods=(waiting_pod("ContainerCreating", age=age, **changes),), start=start)


def message(situation: Facts) -> str:
    return next(item.message for item in after(situation).conditions or () if item.type == "Ready")


@pytest.mark.parametrize(
    ("situation", "reason", "expected"),
    [
        (starting(MISSING), "ReferenceMissing", "private-ca"),
        (starting(event("FailedMount")), "VolumeNotMounted", "exit status 32"),
        (starting(event("FailedMapVolume")), "VolumeNotMounted", "spec.podTemplate.volumes"),
        (starting(blocker=FAILING), "SidecarFailed", "a-proxy"),
        (starting(unschedulable='persistentvolumeclaim "c" not found'), "VolumeNotMounted", '"c"'),
    ],
    ids=["an object", "a mount", "a device", "a container", "a claim"],
)
def test_a_problem_that_needs_a_person(situation: Facts, reason: str, expected: str) -> None:
    """The reason is reported at once. The source is Stalled once the problem has lasted."""
    assert conditions(after(situation))["Reconciling"] == ("True", reason)
    assert expected in message(situation)
    (young,) = situation.pods
    old = replace(
        situation,
        pods=(replace(young, created=ago(61)),),
        start=event(situation.start.event.reason, age=61) if situation.start.event else situation.start,
    )
    assert conditions(after(old))["Stalled"] == ("True", reason)
    running = replace(old, pods=(pod(),), start=StartupFacts())
    assert conditions(after(old, running))["Ready"] == ("True", "Streaming")
    assert "Stalled" not in conditions(after(old, running))


@pytest.mark.parametrize(
    ("situation", "reason", "expected"),
    [
        (
            starting(event("FailedCreatePodSandBox"), age=200),
            "PodNotRunning",
            "FailedCreatePodSandBox: exit status 32",
        ),
        (starting(event("FailedAttachVolume"), age=200), "PodNotRunning", "FailedAttachVolume"),
        (starting(blocker=UNFINISHED, age=200), "PodNotRunning", "a-proxy"),
        (starting(unschedulable="0/1 nodes: untolerated taint.", age=200), "Progressing", "spec.podTemplate"),
    ],
)
def test_a_temporary_problem_is_reported_and_progressing(situation: Facts, reason: str, expected: str) -> None:
    assert conditions(after(situation))["Reconciling"] == ("True", reason)
    assert expected in message(situation)


def test_stalled_ends_with_the_problem_before_the_pod_runs() -> None:
    healed = conditions(after(starting(MISSING, age=61), starting(age=61)))
    assert healed["Reconciling"] == ("True", "PodNotRunning")


def test_the_reason_of_the_container_comes_first() -> None:
    broken = facts(pods=(waiting_pod("CreateContainerConfigError", age=5),), start=MISSING)
    assert conditions(after(broken))["Ready"] == ("False", "ContainerConfigError")


def test_missing_pull_secrets_are_named_when_the_image_cannot_be_pulled() -> None:
    hints = StartupFacts(hints=("There is no Secret regcred, which spec.podTemplate.imagePullSecrets names",))
    assert "regcred" in message(facts(pods=(waiting_pod("ErrImagePull", age=5),), start=hints))


def test_a_streaming_source_ignores_startup_problems() -> None:
    assert conditions(after(facts(start=MISSING)))["Ready"] == ("True", "Streaming")
