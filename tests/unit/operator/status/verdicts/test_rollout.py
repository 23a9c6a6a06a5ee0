"""The conditions of a source while its Deployment rolls out."""

import pytest

from tests.unit.operator.status.situations import after, ago, deployment, facts, waiting_pod
from tests.unit.operator.status.verdicts.row import HEALTHY, NEW_GENERATION, PROGRESSING, STALLED, STREAMED, Row, check

ROWS = [
    Row("no Deployment yet", facts(deployment=None, pods=()), PROGRESSING, "Progressing"),
    Row("rolling out", facts(deployment=deployment(rolled_out=False), pods=()), PROGRESSING, "Progressing"),
    Row(
        "spec edited during a rollout, the old pod still streams",
        facts(generation=NEW_GENERATION, deployment=deployment(rolled_out=False)),
        PROGRESSING,
        "Progressing",
        past=(STREAMED,),
    ),
    Row(
        "spec edited to end a crash loop: the old pod's problem is not the new spec's",
        facts(
            generation=NEW_GENERATION,
            deployment=deployment(rolled_out=False),
            pods=(waiting_pod("CrashLoopBackOff", age=600, restart_count=9),),
        ),
        PROGRESSING,
        "Progressing",
    ),
    Row("pod being created", facts(pods=(waiting_pod("ContainerCreating", age=3),)), PROGRESSING, "PodNotRunning"),
    Row(
        "unschedulable",
        facts(pods=(waiting_pod("", age=100, unschedulable="0/1 nodes are available"),)),
        PROGRESSING,
        "Progressing",
    ),
    Row(
        "unschedulable past its deadline",
        facts(
            deployment=deployment(deadline_message="has timed out progressing"),
            pods=(waiting_pod("", age=700, unschedulable="0/1 nodes are available"),),
        ),
        STALLED,
        "ProgressDeadlineExceeded",
    ),
    Row(
        "past its deadline, but running now",
        facts(deployment=deployment(deadline_message="has timed out progressing")),
        HEALTHY,
        "Streaming",
    ),
    Row(
        "pods refused a moment ago",
        facts(
            deployment=deployment(rolled_out=False, failure_message="exceeded quota", failing_since=ago(5)),
            pods=(),
        ),
        PROGRESSING,
        "PodRefused",
    ),
    Row(
        "pods refused for a minute",
        facts(
            deployment=deployment(rolled_out=False, failure_message="exceeded quota", failing_since=ago(61)),
            pods=(),
        ),
        STALLED,
        "PodRefused",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)


def test_the_message_of_a_late_rollout_without_a_pod_names_the_command() -> None:
    status = after(facts(deployment=deployment(rolled_out=False, deadline_message="It has timed out."), pods=()))
    messages = {item.type: item.message for item in status.conditions or ()}
    assert messages["Stalled"] == "It has timed out: `kubectl get events` shows why there is no pod"
