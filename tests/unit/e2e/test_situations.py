"""The checks of the situations find a wrong status. The operator writes none, so these are made by hand."""

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


def test_a_status_that_is_right_has_no_faults() -> None:
    later = body(condition("Ready", "False", at=LATER), condition("Stalled", at=LATER))
    assert list(faults([version(READY), version(READY), version(later, Verdict.STALLED)])) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (body(condition("Ready", "False"), condition("Reconciling"), condition("Stalled")), "at once"),
        (body(condition("Ready"), condition("Stalled", "False")), "Stalled is there and False"),
        (body(condition("Ready"), condition("Ready")), "twice"),
        (body(condition("Ready", generation=1)), "of generation 1"),
        (body(condition("Ready", generation=3), observed=3), "observedGeneration 3 of generation 2"),
    ],
)
def test_faults_of_one_version(seen: dict[str, Any], words: str) -> None:
    assert [fault for fault in faults([version(seen)]) if words in fault]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (body(condition("Ready", at=LATER)), "moved, its status did not"),
        (body(condition("Ready", generation=1), observed=1), "observedGeneration went back"),
        (body(condition("Ready"), restarts={"count": 1}), "from 2 to 1"),
    ],
)
def test_faults_from_one_version_to_the_next(after: dict[str, Any], words: str) -> None:
    before = body(condition("Ready"), restarts={"count": 2})
    assert [fault for fault in faults([version(before), version(after)]) if words in fault]


def test_readers_that_disagree_have_no_verdict() -> None:
    words = Verdict.READY.value
    torn = Reading(type(words)(words.wait, "Failed", words.argo, words.ready), "Because")
    seen = Version(at=0.0, body=READY, reading=torn, gone=False)
    assert [fault for fault in faults([seen]) if "disagree" in fault]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (READY, "met"),
        (body(condition("Ready", "False")), "waits"),
        (body(condition("Ready", generation=1), observed=1), "waits"),
        (body(observed=-1), "waits"),
    ],
)
def test_what_kubectl_wait_finds(seen: dict[str, Any], said: str) -> None:
    assert waits_for_ready(seen) == said


def test_verdicts_and_situations_can_be_told_apart() -> None:
    words = [verdict.value for verdict in Verdict]
    assert len(set(words)) == len(words)
    names = [situation.name for situation in SITUATIONS]
    assert len(set(names)) == len(names) >= 20
    assert all(situation.steps for situation in SITUATIONS)
