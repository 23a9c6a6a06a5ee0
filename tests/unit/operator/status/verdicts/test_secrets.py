"""The conditions of a source without its Secret, or whose Deployment is refused."""

from dataclasses import replace

import pytest

from sluice_operator.api.health import HealthSpec
from sluice_operator.observed.facts.children import Refusal
from tests.unit.operator.status.situations import facts, health, pod, sink
from tests.unit.operator.status.verdicts.row import AN_HOUR_AGO, NO_SECRET, PROGRESSING, STALLED, Row, check, since

ROWS = [
    Row("Secret missing for a moment", replace(NO_SECRET, pods=(), deployment=None), PROGRESSING, "SecretMissing"),
    Row(
        "Secret missing",
        replace(NO_SECRET, pods=(), deployment=None),
        STALLED,
        "SecretMissing",
        past=since(61, replace(NO_SECRET, pods=(), deployment=None)),
    ),
    Row(
        "Secret missing, with a longer stalledAfterSeconds",
        replace(NO_SECRET, pods=(), deployment=None, windows=HealthSpec(stalled_after_seconds=62)),
        PROGRESSING,
        "SecretMissing",
        past=since(61, replace(NO_SECRET, pods=(), deployment=None)),
    ),
    Row(
        "Secret deleted under a pod that does not report",
        NO_SECRET,
        PROGRESSING,
        "SecretMissing",
        past=since(100, facts(sink=sink(health=health(silent_seconds=31.0))), AN_HOUR_AGO),
    ),
    Row(
        "Secret deleted under a running pod",
        NO_SECRET,
        PROGRESSING,
        "SecretMissing",
        past=since(30, NO_SECRET, AN_HOUR_AGO),
        also={"SinkWritable": ("Unknown", "SecretMissing")},
    ),
    Row(
        "Deployment refused",
        facts(refusal=Refusal(reason="ChildRefused", message="must be smaller"), deployment=None, pods=()),
        STALLED,
        "ChildRefused",
    ),
    Row(
        "the Deployment of a former source is being deleted",
        facts(
            refusal=Refusal(reason="Progressing", message="the Deployment is being deleted", is_transient=True),
            deployment=None,
            pods=(pod(terminating=True),),
        ),
        PROGRESSING,
        "Progressing",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)
