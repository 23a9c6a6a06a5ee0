"""Facts about a Deployment: rolled out, past its deadline, or without its pods."""

from typing import Any

import pytest

from sluice_operator.observed.deployments import deployment_facts

LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
FAILS = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": "exceeded quota",
    "lastTransitionTime": "2026-11-24T12:00:00Z",
}


def deployment(*, replicas: int = 1, generation: int = 2, **status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "spec": {"replicas": replicas}, "status": status}


@pytest.mark.parametrize(
    ("found", "rolled_out"),
    [
        (deployment(observedGeneration=2, replicas=1), False),
        ({"metadata": {"generation": 1}, "spec": {"replicas": 1}}, False),
        (
            deployment(observedGeneration=1)
            | {"status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}},
            False,
        ),
        ({**deployment(), "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}}, True),
        ({**deployment(), "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1}}, False),
        ({**deployment(replicas=3), "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}}, True),
        ({**deployment(), "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3}}, True),
        ({**deployment(replicas=0), "status": {"observedGeneration": 2}}, True),
        ({**deployment(replicas=0), "status": {"observedGeneration": 2, "replicas": 1}}, False),
    ],
    ids=[
        "no new pod",
        "never seen",
        "spec not seen",
        "done",
        "an old pod still exists",
        "more to come",
        "some to go",
        "none wanted",
        "one to go",
    ],
)
def test_rolled_out(found: dict[str, Any], rolled_out: bool) -> None:  # noqa: FBT001
    assert deployment_facts(found).rolled_out is rolled_out


def test_a_deadline_passed() -> None:
    assert deployment_facts(deployment(observedGeneration=2, conditions=[LATE])).deadline_message == "timed out"


def test_pods_refused() -> None:
    facts = deployment_facts(deployment(observedGeneration=2, conditions=[FAILS]))
    assert facts.failure_message == "exceeded quota"
    assert facts.failing_since is not None


def test_a_condition_of_an_older_generation_does_not_count() -> None:
    facts = deployment_facts(deployment(observedGeneration=1, conditions=[LATE, FAILS]))
    assert (facts.deadline_message, facts.failure_message, facts.failing_since) == ("", "", None)
