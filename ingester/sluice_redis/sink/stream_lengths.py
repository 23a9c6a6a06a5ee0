"""Reading the lengths of all streams in one round trip."""

from typing import Final

from sluice_redis.client import RedisClient
from sluice_redis.contract import Stream
from sluice_redis.sink.call import call

STREAMS: Final = (*(stream.value for stream in Stream), "firehose_backfill")
"""The ingester's streams, and the one that a backfiller writes."""


async def read_stream_lengths(redis: RedisClient, *, prefix: str) -> dict[str, int]:
    """Numbers of entries, by stream. Streams that this user may not read are left out. Raises SinkError."""
    pipeline = redis.pipeline(transaction=False)
    for name in STREAMS:
        pipeline.xlen(prefix + name)
    answers = await call(pipeline.execute(raise_on_error=False))
    return {name: answer for name, answer in zip(STREAMS, answers, strict=True) if isinstance(answer, int)}
