"""The conditions of a source whose ingester has halted, or whose cursor is invalid."""

import pytest

from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import facts, reporting, sink
from tests.unit.operator.status.verdicts.row import HEALTHY, STALLED, STREAMED, Row, check

ROWS = [
    Row(
        "cursor in the future",
        facts(sink=reporting(SourceState.HALTED, "FutureCursor", "the cursor is in the future: set it")),
        STALLED,
        "FutureCursor",
        past=(STREAMED,),
        also={"CursorValid": ("False", "FutureCursor"), "SinkWritable": ("True", "SinkReachable")},
    ),
    Row(
        "Redis refuses permanently",
        facts(sink=reporting(SourceState.HALTED, "RedisRefused", "this Redis is too old")),
        STALLED,
        "RedisRefused",
        also={"SinkWritable": ("False", "RedisRefused"), "CursorValid": ("True", "CursorStored")},
    ),
    Row("halted without a reason", facts(sink=reporting(SourceState.HALTED)), STALLED, "Halted"),
    Row(
        "cursor is not a number",
        facts(sink=sink(cursor="abc")),
        HEALTHY,
        "Streaming",
        also={"CursorValid": ("False", "CursorMalformed")},
    ),
    Row(
        "cursor is a number of 5000 digits",
        facts(sink=sink(cursor="9" * 5000)),
        HEALTHY,
        "Streaming",
        past=(STREAMED,),
        also={"CursorValid": ("False", "CursorMalformed")},
    ),
    Row(
        "no cursor yet",
        facts(sink=sink(cursor=None)),
        HEALTHY,
        "Streaming",
        also={"CursorValid": ("Unknown", "NoCursor")},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_conditions(row: Row) -> None:
    check(row)
