"""The conditions of a source after a restart of the operator, with the ingester's clock behind."""

from dataclasses import replace

import pytest

from tests.unit.operator.status.situations import ago, facts, health, sink
from tests.unit.operator.status.verdicts.row import (
    AN_HOUR_AGO,
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    REDIS_DOWN,
    STREAMED,
    Row,
    check,
    since,
)

BEHIND = health(heartbeat=ago(601), stored=ago(602), silent_seconds=601.0, watched_seconds=0.0)
FIRST_SEEN = sink(health=BEHIND)
WATCHED_LONG = sink(health=replace(BEHIND, watched_seconds=31.0))

ROWS = [
    Row(
        "behind by its clock, and no new report yet",
        facts(sink=FIRST_SEEN),
        HEALTHY,
        "Streaming",
        past=(STREAMED,),
        also={"Connected": ("True", "Streaming"), "EventsFlowing": ("True", "Flowing")},
    ),
    Row(
        "behind by its clock, and no new report for long",
        facts(sink=WATCHED_LONG),
        DEGRADED,
        "NotReporting",
        past=(STREAMED, facts(now=ago(31), sink=FIRST_SEEN)),
        also={"Connected": ("Unknown", "NotReporting")},
    ),
    Row(
        "behind by its clock, and known not to report",
        facts(sink=FIRST_SEEN),
        DEGRADED,
        "NotReporting",
        past=(STREAMED, facts(now=ago(60), sink=sink(health=health(silent_seconds=31.0)))),
    ),
    Row(
        "behind by its clock, and no condition before",
        facts(sink=FIRST_SEEN),
        PROGRESSING,
        "Connecting",
        also={"Connected": ("Unknown", "Connecting")},
    ),
    Row("no condition before, and no new report for long", facts(sink=WATCHED_LONG), DEGRADED, "NotReporting"),
    Row(
        "Redis is back after an outage that began before the restart",
        facts(sink=FIRST_SEEN),
        HEALTHY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "SinkUnreachable"), "Connected": ("Unknown", "SinkUnreachable")},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)
