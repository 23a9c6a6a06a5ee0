"""The checks of situations find wrong statuses. The statuses are made by hand, since the operator writes none."""

from typing import Any

import pytest

from e2e.tests.situations.catalog import SITUATIONS
from e2e.tests.situations.checks import faults
from e2e.tests.situations.recorder import Version
from e2e.tests.situations.verdicts import Reading, Verdict, waits_for_ready

NOW, LATER = "2026-11-25T00:00:00Z", "2026-11-25T00:00:05Z"


def condition(kind: str, status: str = "True", *, at: str = NOW, generation: int = 2) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": "Because",
        "message": "it is so",
        "lastTransitionTime": at,
        "observedGeneration": generation,
    }


def body(*conditions: dict[str, Any], observed: int = 2, **status: Any) -> dict[str, Any]:
    return {
        "kind": "Relay",
        "metadata": {"name": "us-east", "uid": "1", "generation": 2, "resourceVersion": "7"},
        "status": {"observedGeneration": observed, "conditions": list(conditions), **status},
    }


def version(seen: dict[str, Any], verdict: Verdict = Verdict.READY) -> Version:
    return Version(at=0.0, body=seen, reading=Reading(verdict.value, "Because"), gone=False)


READY = body(condition("Ready"))


def test_a_correct_status_has_no_faults() -> None:
    later = body(condition("Ready", "False", at=LATER), condition("Stalled", at=LATER))
    assert list(faults([version(READY), version(READY), version(later, Verdict.STALLED)])) == []


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (body(condition("Ready", "False"), condition("Reconciling"), condition("Stalled")), "at once"),
        (body(condition("Ready"), condition("Stalled", "False")), "Stalled is there and False"),
        (body(condition("Ready"), condition("Ready")), "twice"),
        (body(condition("Ready", generation=1)), "of generation 1"),
        (body(condition("Ready", generation=3), observed=3), "observedGeneration 3 of generation 2"),
    ],
)
def test_faults_of_one_version(seen: dict[str, Any], expected: str) -> None:
    assert [fault for fault in faults([version(seen)]) if expected in fault]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (body(condition("Ready", at=LATER)), "moved, its status did not"),
        (body(condition("Ready", generation=1), observed=1), "observedGeneration went back"),
        (body(condition("Ready"), restarts={"count": 1}), "from 2 to 1"),
    ],
)
def test_faults_between_two_versions(after: dict[str, Any], expected: str) -> None:
    before = body(condition("Ready"), restarts={"count": 2})
    assert [fault for fault in faults([version(before), version(after)]) if expected in fault]


def test_readers_that_disagree_have_no_verdict() -> None:
    ready = Verdict.READY.value
    mixed = Reading(type(ready)(ready.wait, "Failed", ready.argo, ready.ready), "Because")
    seen = Version(at=0.0, body=READY, reading=mixed, gone=False)
    assert [fault for fault in faults([seen]) if "disagree" in fault]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (READY, "met"),
        (body(condition("Ready", "False")), "waits"),
        (body(condition("Ready", generation=1), observed=1), "waits"),
        (body(observed=-1), "waits"),
    ],
)
def test_the_result_of_kubectl_wait(seen: dict[str, Any], expected: str) -> None:
    assert waits_for_ready(seen) == expected


def test_verdicts_and_situations_are_unique() -> None:
    verdicts = [verdict.value for verdict in Verdict]
    assert len(set(verdicts)) == len(verdicts)
    names = [situation.name for situation in SITUATIONS]
    assert len(set(names)) == len(names) >= 20
    assert all(situation.steps for situation in SITUATIONS)
