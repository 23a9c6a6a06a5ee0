"""Reading from Redis where the stored events of a source end."""

from typing import Final

from sluice_ingester.cursor.event_time import epoch_seconds
from sluice_ingester.cursor.frame_digests import FIELDS as DIGEST_FIELDS
from sluice_ingester.cursor.frame_digests import FrameDigests
from sluice_ingester.cursor.gap import NO_CURSOR, Gap, ResumePoint
from sluice_redis.contract import HealthField, ResumeField
from sluice_redis.sink.protocol import Sink

_FIELDS: Final = (
    HealthField.SEQ,
    HealthField.EVENT_TIME,
    HealthField.STORED,
    ResumeField.LIVE_SINCE,
    ResumeField.PART,
    HealthField.LOST_FROM,
    HealthField.LOST_FROM_TIME,
    HealthField.LOST_TO_TIME,
    HealthField.LOST_REASON,
)
_MAX_SEQ_DIGITS: Final = 16


async def read_resume_point(sink: Sink) -> ResumePoint:
    """The end of the stored events. Raises SinkError."""
    values = await sink.read_health(*_FIELDS, *DIGEST_FIELDS)
    seq, event_time, stored, live_since, part, first, since, end_time, reason = values[: len(_FIELDS)]
    cursor = await sink.read_cursor()
    open_gap = None
    if (first.isdecimal() or reason == NO_CURSOR) and not end_time:
        open_gap = Gap(first=int(first) if first.isdecimal() else None, since=since or None, reason=reason)
    is_time_known = cursor is not None and seq.encode() == cursor
    try:
        noted_at = epoch_seconds(stored)
        epoch_seconds(event_time)
    except ValueError:
        is_time_known, noted_at = False, 0.0
    return ResumePoint(
        cursor=cursor,
        event_time=event_time if is_time_known else None,
        event_time_noted_at=noted_at,
        open_gap=open_gap,
        frame_digests=FrameDigests.parse(values[len(_FIELDS) :], cursor=cursor, undigested_until=_parse_seq(cursor)),
        live_since=live_since,
        stored_part=part,
    )


def _parse_seq(cursor: bytes | None) -> int | None:
    is_seq = cursor is not None and cursor.isdigit() and len(cursor) <= _MAX_SEQ_DIGITS
    return int(cursor) if cursor is not None and is_seq else None
