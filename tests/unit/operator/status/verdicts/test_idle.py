"""The conditions of a source that is suspended, resumed or not enabled."""

from dataclasses import replace

import pytest

from tests.unit.operator.status.situations import ago, deployment, facts, pod, waiting_pod
from tests.unit.operator.status.verdicts.row import (
    HEALTHY,
    NEW_GENERATION,
    NO_SECRET,
    PROGRESSING,
    REDIS_DOWN,
    STREAMED,
    Row,
    check,
)

ROWS = [
    Row(
        "suspending",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(pod(terminating=True),)),
        PROGRESSING,
        "Suspending",
        past=(STREAMED,),
    ),
    Row(
        "suspended",
        facts(suspended=True, deployment=deployment(replicas=0), pods=()),
        HEALTHY,
        "Suspended",
        past=(STREAMED,),
        also={
            "Suspended": ("True", "Suspended"),
            "Connected": ("False", "Suspended"),
            "SinkWritable": ("Unknown", "Suspended"),
            "EventsFlowing": ("False", "Suspended"),
            "Stable": ("Unknown", "Suspended"),
            "ErrorFree": ("Unknown", "Suspended"),
        },
    ),
    Row(
        "suspended, and an evicted pod still exists",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(pod(terminating=True, running_since=None),)),
        HEALTHY,
        "Suspended",
    ),
    Row(
        "suspended, and a pod is created late",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(waiting_pod("", age=1),)),
        HEALTHY,
        "Suspended",
        past=(STREAMED, facts(now=ago(5), suspended=True, deployment=deployment(replicas=0), pods=())),
    ),
    Row(
        "suspended, and a pod that was created late runs",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(pod(running_since=ago(1)),)),
        PROGRESSING,
        "Suspending",
        past=(STREAMED, facts(now=ago(5), suspended=True, deployment=deployment(replicas=0), pods=())),
    ),
    Row(
        "resumed with nothing enabled, and a pod is created late",
        facts(enabled=False, deployment=deployment(replicas=0), pods=(waiting_pod("", age=1),)),
        PROGRESSING,
        "Suspending",
        past=(facts(now=ago(5), suspended=True, deployment=deployment(replicas=0), pods=()),),
    ),
    Row(
        "suspending, and its pod has not started",
        facts(suspended=True, deployment=deployment(replicas=0), pods=(waiting_pod("", age=1),)),
        PROGRESSING,
        "Suspending",
    ),
    Row("suspended without its Secret", replace(NO_SECRET, suspended=True, pods=()), HEALTHY, "Suspended"),
    Row(
        "suspended with Redis down",
        replace(REDIS_DOWN, suspended=True, pods=()),
        HEALTHY,
        "Suspended",
        also={"SinkWritable": ("False", "SinkUnreachable")},
    ),
    Row(
        "resumed",
        facts(generation=NEW_GENERATION, pods=(waiting_pod("ContainerCreating", age=2, uid="uid-2"),)),
        PROGRESSING,
        "PodNotRunning",
        past=(STREAMED, facts(now=ago(60), suspended=True, pods=())),
    ),
    Row("nothing enabled", facts(enabled=False, deployment=deployment(replicas=0), pods=()), HEALTHY, "NothingToRun"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)
