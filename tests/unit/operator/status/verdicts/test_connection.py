"""The conditions of a source that connects, streams, is quiet or is unavailable."""

from dataclasses import replace

import pytest

from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import ago, facts, health, pod, reporting, sink
from tests.unit.operator.status.verdicts.row import (
    AN_HOUR_AGO,
    DEGRADED,
    HEALTHY,
    NEW_GENERATION,
    PROGRESSING,
    STARTING,
    STREAMED,
    YOUNG,
    Row,
    check,
    since,
)

FLAP = facts(sink=reporting(SourceState.WAITING, "ConnectionLost", "the source closed the connection"))
CONNECTING = facts(sink=reporting(SourceState.CONNECTING))

ROWS = [
    Row(
        "started, nothing reported yet",
        facts(pods=(pod(running_since=ago(5)),), sink=sink(health=None)),
        PROGRESSING,
        "Connecting",
        also={"Connected": ("Unknown", "Connecting")},
    ),
    Row("first connect pending", CONNECTING, PROGRESSING, "Connecting", past=(STARTING,)),
    Row(
        "first connect fails",
        replace(FLAP, pods=(YOUNG,), sink=reporting(SourceState.WAITING, "NoHost", "no such host", started=ago(14))),
        PROGRESSING,
        "Connecting",
        also={"Connected": ("False", "NoHost"), "EventsFlowing": ("False", "NotConnected")},
    ),
    Row(
        "first connect fails past the deadline",
        FLAP,
        DEGRADED,
        "SourceUnavailable",
        past=since(301, FLAP),
    ),
    Row(
        "streaming",
        facts(),
        HEALTHY,
        "Streaming",
        past=(STARTING,),
        also={
            "Connected": ("True", "Streaming"),
            "EventsFlowing": ("True", "Flowing"),
            "CursorValid": ("True", "CursorStored"),
            "Stable": ("True", "NoRecentRestarts"),
            "ErrorFree": ("True", "NoRecentErrors"),
            "SinkWritable": ("True", "SinkReachable"),
        },
    ),
    Row(
        "source flapping",
        FLAP,
        HEALTHY,
        "Reconnecting",
        past=since(100, FLAP, AN_HOUR_AGO),
        also={"Connected": ("False", "ConnectionLost")},
    ),
    Row("source down past its deadline", FLAP, DEGRADED, "SourceUnavailable", past=since(301, FLAP, AN_HOUR_AGO)),
    Row(
        "source down past its deadline, then a new pod: the deadline starts again",
        replace(FLAP, pods=(YOUNG,), sink=reporting(SourceState.CONNECTING, started=ago(14))),
        PROGRESSING,
        "Connecting",
        past=(*since(400, FLAP, AN_HOUR_AGO), replace(FLAP, now=ago(30))),
    ),
    Row("source back", facts(), HEALTHY, "Streaming", past=(*since(400, FLAP, AN_HOUR_AGO), replace(FLAP, now=ago(5)))),
    Row(
        "new generation, connected all along", facts(generation=NEW_GENERATION), HEALTHY, "Streaming", past=(STREAMED,)
    ),
    Row(
        "new generation, not connected yet",
        replace(CONNECTING, generation=NEW_GENERATION),
        PROGRESSING,
        "Connecting",
        past=(STREAMED,),
    ),
    Row(
        "quiet source",
        facts(sink=sink(health=health(stored=ago(301)))),
        HEALTHY,
        "Streaming",
        also={"EventsFlowing": ("False", "Quiet")},
    ),
    Row(
        "the ingester's clock is behind",
        facts(sink=sink(health=health(heartbeat=ago(3602), stored=ago(3601), last_error_time=ago(3700)))),
        HEALTHY,
        "Streaming",
        also={"EventsFlowing": ("True", "Flowing"), "ErrorFree": ("False", "RecentErrors")},
    ),
    Row(
        "the ingester's clock is ahead",
        facts(sink=sink(health=health(heartbeat=ago(-3600), stored=ago(-3200), last_error_time=ago(-2600)))),
        HEALTHY,
        "Streaming",
        also={"EventsFlowing": ("False", "Quiet"), "ErrorFree": ("True", "NoRecentErrors")},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)
