"""The conditions of a source whose Redis is unavailable, refuses the password or is full."""

from dataclasses import replace

import pytest

from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import ago, ended, facts, failed_sink, health, pod, reporting, sink
from tests.unit.operator.status.verdicts.row import (
    AN_HOUR_AGO,
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    REDIS_DOWN,
    STALLED,
    YOUNG,
    Row,
    check,
    since,
)

WRONG_PASSWORD = facts(sink=failed_sink(SinkReadFailure.UNAUTHORIZED))
BAD_URL = facts(sink=failed_sink(SinkReadFailure.URL_INVALID))
FULL = facts(sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", "the stream is at its high-water mark"))

ROWS = [
    Row(
        "Redis down for a moment",
        REDIS_DOWN,
        HEALTHY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={
            "SinkWritable": ("False", "SinkUnreachable"),
            "Connected": ("Unknown", "SinkUnreachable"),
            "EventsFlowing": ("Unknown", "SinkUnreachable"),
            "CursorValid": ("Unknown", "SinkUnreachable"),
        },
    ),
    Row("Redis down for long", REDIS_DOWN, DEGRADED, "SinkUnreachable", past=since(301, REDIS_DOWN, AN_HOUR_AGO)),
    Row(
        "Redis back, the ingester has not written yet",
        facts(sink=sink(health=health(silent_seconds=60.0), recovered_seconds=2.0)),
        HEALTHY,
        "SinkUnreachable",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "SinkUnreachable"), "Connected": ("Unknown", "SinkUnreachable")},
    ),
    Row(
        "Redis back, the ingester has written",
        facts(sink=sink(recovered_seconds=2.0)),
        HEALTHY,
        "Streaming",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row(
        "Redis back, the ingester never writes again",
        facts(sink=sink(health=health(silent_seconds=90.0), recovered_seconds=31.0)),
        DEGRADED,
        "NotReporting",
        past=since(60, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row("Redis down from the start", replace(REDIS_DOWN, pods=(YOUNG,)), PROGRESSING, "SinkUnreachable"),
    Row("wrong password a moment ago", replace(WRONG_PASSWORD, pods=(YOUNG,)), PROGRESSING, "SinkUnauthorized"),
    Row("wrong password", WRONG_PASSWORD, STALLED, "SinkUnauthorized", past=since(61, WRONG_PASSWORD)),
    Row(
        "wrong password after an outage",
        WRONG_PASSWORD,
        PROGRESSING,
        "SinkUnauthorized",
        past=since(100, REDIS_DOWN, AN_HOUR_AGO),
    ),
    Row(
        "wrong password after an outage, for long",
        WRONG_PASSWORD,
        STALLED,
        "SinkUnauthorized",
        past=(*since(200, REDIS_DOWN, AN_HOUR_AGO), replace(WRONG_PASSWORD, now=ago(61))),
    ),
    Row(
        "wrong password after an outage, and Stalled for that",
        WRONG_PASSWORD,
        STALLED,
        "SinkUnauthorized",
        past=(
            *since(200, REDIS_DOWN, AN_HOUR_AGO),
            replace(WRONG_PASSWORD, now=ago(64)),
            replace(WRONG_PASSWORD, now=ago(3)),
        ),
    ),
    Row("no URL in the Secret", BAD_URL, STALLED, "SinkUrlInvalid", past=since(61, BAD_URL)),
    Row(
        "stream full for a moment",
        FULL,
        HEALTHY,
        "HighWaterMark",
        past=since(60, FULL, AN_HOUR_AGO),
        also={
            "SinkWritable": ("False", "HighWaterMark"),
            "EventsFlowing": ("False", "Backpressure"),
            "Connected": ("Unknown", "Backpressure"),
        },
    ),
    Row(
        "connected, and the very first batch is refused",
        replace(
            FULL, sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", stored=None, started=ago(14)), pods=(YOUNG,)
        ),
        PROGRESSING,
        "HighWaterMark",
        past=(facts(now=ago(5), sink=reporting(SourceState.STREAMING, stored=None, started=ago(14)), pods=(YOUNG,)),),
    ),
    Row(
        "connected, and the first batch of a new process is refused",
        replace(FULL, sink=reporting(SourceState.BACKPRESSURE, "RedisOutOfMemory", stored=ago(99), started=ago(14))),
        PROGRESSING,
        "RedisOutOfMemory",
        past=(facts(now=ago(5), sink=reporting(SourceState.STREAMING, stored=ago(99), started=ago(14))),),
    ),
    Row(
        "connected for long with nothing to store, and then full",
        replace(FULL, sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", stored=None)),
        HEALTHY,
        "HighWaterMark",
        past=(facts(now=ago(900), sink=reporting(SourceState.STREAMING, stored=None)),),
    ),
    Row("stream full for long", FULL, DEGRADED, "HighWaterMark", past=since(301, FULL, AN_HOUR_AGO)),
    Row(
        "stream full from the start",
        facts(pods=(YOUNG,), sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", started=ago(14))),
        PROGRESSING,
        "HighWaterMark",
    ),
    Row(
        "stream full, the ingester restarted and no report yet",
        facts(pods=(pod(running_since=ago(4), restart_count=1, last_termination=ended()),)),
        PROGRESSING,
        "Connecting",
        past=since(60, FULL, AN_HOUR_AGO),
        also={"SinkWritable": ("False", "HighWaterMark")},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)
