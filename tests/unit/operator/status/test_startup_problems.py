"""A pod that does not start: the message, and when a person must act."""

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
LATE = BlockerFacts(name="a-proxy", is_failing=False, description="init container a-proxy; it has not finished yet")


def event(reason: str, *, age: float = 5) -> StartupFacts:
    return StartupFacts(event=PodEvent(reason=reason, message="in its own words", first=ago(age), last=ago(1)))


def starting(start: StartupFacts = StartupFacts(), *, age: float = 5, **changes: object) -> Facts:  # noqa: B008
    return facts(pods=(waiting_pod("ContainerCreating", age=age, **changes),), start=start)


def message(situation: Facts) -> str:
    return next(item.message for item in after(situation).conditions or () if item.type == "Ready")


@pytest.mark.parametrize(
    ("situation", "reason", "word"),
    [
        (starting(MISSING), "ReferenceMissing", "private-ca"),
        (starting(event("FailedMount")), "VolumeNotMounted", "in its own words"),
        (starting(event("FailedMapVolume")), "VolumeNotMounted", "spec.podTemplate.volumes"),
        (starting(blocker=FAILING), "SidecarFailed", "a-proxy"),
        (starting(unschedulable='persistentvolumeclaim "c" not found'), "VolumeNotMounted", '"c"'),
    ],
    ids=["an object", "a mount", "a device", "a container", "a claim"],
)
def test_what_a_person_must_correct(situation: Facts, reason: str, word: str) -> None:
    """The reason is given at once, and Stalled when it has lasted."""
    assert conditions(after(situation))["Reconciling"] == ("True", reason)
    assert word in message(situation)
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
    ("situation", "reason", "word"),
    [
        (
            starting(event("FailedCreatePodSandBox"), age=200),
            "PodNotRunning",
            "FailedCreatePodSandBox: in its own words",
        ),
        (starting(event("FailedAttachVolume"), age=200), "PodNotRunning", "FailedAttachVolume"),
        (starting(blocker=LATE, age=200), "PodNotRunning", "a-proxy"),
        (starting(unschedulable="0/1 nodes: untolerated taint.", age=200), "Progressing", "spec.podTemplate"),
    ],
)
def test_a_temporary_problem_is_reported_and_progressing(situation: Facts, reason: str, word: str) -> None:
    assert conditions(after(situation))["Reconciling"] == ("True", reason)
    assert word in message(situation)


def test_what_has_healed_is_stalled_no_longer_though_the_pod_does_not_run_yet() -> None:
    healed = conditions(after(starting(MISSING, age=61), starting(age=61)))
    assert healed["Reconciling"] == ("True", "PodNotRunning")


def test_a_container_with_a_reason_of_its_own_decides() -> None:
    broken = facts(pods=(waiting_pod("CreateContainerConfigError", age=5),), start=MISSING)
    assert conditions(after(broken))["Ready"] == ("False", "ContainerConfigError")


def test_credentials_that_are_not_there_are_a_hint_where_the_image_cannot_be_pulled() -> None:
    hints = StartupFacts(hints=("There is no Secret regcred, which spec.podTemplate.imagePullSecrets names",))
    assert "regcred" in message(facts(pods=(waiting_pod("ErrImagePull", age=5),), start=hints))


def test_one_that_streams_waits_for_nothing() -> None:
    assert conditions(after(facts(start=MISSING)))["Ready"] == ("True", "Streaming")
