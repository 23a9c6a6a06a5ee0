"""Reading the lengths of all streams in one round trip."""

from typing import Final

from sluice_redis.contract import Stream
from sluice_redis.sink.call import RedisCalls

STREAMS: Final = (*(stream.value for stream in Stream), "firehose_backfill")
"""The ingester's streams, and the one that a backfiller writes."""


async def read_stream_lengths(calls: RedisCalls, *, prefix: str) -> dict[str, int]:
    """Numbers of entries, by stream. Streams that this user may not read are left out. Raises SinkError."""
    answers = await calls.execute_all([("XLEN", prefix + name) for name in STREAMS])
    return {name: answer for name, answer in zip(STREAMS, answers, strict=True) if isinstance(answer, int)}
