"""The conditions of a source whose ingester's report is missing, stale or of another process."""

import pytest

from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import ago, ended, facts, health, pod, reporting, sink
from tests.unit.operator.status.verdicts.row import DEGRADED, PROGRESSING, STARTING, STREAMED, Row, check

ROWS = [
    Row(
        "report is stale",
        facts(sink=sink(health=health(silent_seconds=31.0))),
        DEGRADED,
        "NotReporting",
        past=(STREAMED,),
        also={"Connected": ("Unknown", "NotReporting"), "EventsFlowing": ("Unknown", "NotReporting")},
    ),
    Row(
        "no report since the start a minute ago",
        facts(pods=(pod(created=ago(62), running_since=ago(60)),), sink=sink(health=None)),
        PROGRESSING,
        "NotReporting",
    ),
    Row(
        "no report since the start long ago",
        facts(pods=(pod(created=ago(303), running_since=ago(301)),), sink=sink(health=None)),
        DEGRADED,
        "NotReporting",
    ),
    Row(
        "report is of another pod",
        facts(sink=sink(health=health(pod="us-east-firehose-0"))),
        DEGRADED,
        "NotReporting",
        past=(STREAMED,),
    ),
    Row(
        "report is of the previous process in the same pod",
        facts(pods=(pod(running_since=ago(4), restart_count=1, last_termination=ended()),)),
        PROGRESSING,
        "Connecting",
        past=(STREAMED,),
        also={"Connected": ("Unknown", "Connecting"), "Stable": ("False", "RestartedRecently")},
    ),
    Row("report says stopped", facts(sink=reporting(SourceState.STOPPED)), PROGRESSING, "Connecting", past=(STARTING,)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)
