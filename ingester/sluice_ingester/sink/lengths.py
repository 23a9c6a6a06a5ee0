"""How long the streams are that ingesters and backfillers share."""

from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from sluice_ingester.contract import Stream
from sluice_ingester.sink.errors import SinkError, explain

STREAMS: Final = (*(stream.value for stream in Stream), "firehose_backfill")
"""The ingester's own, and the one in which a backfiller answers."""


async def lengths(redis: Redis, *, prefix: str) -> dict[str, int]:
    """Entries by stream, in one round trip; without those that this user may not read."""
    pipeline = redis.pipeline(transaction=False)
    for name in STREAMS:
        pipeline.xlen(prefix + name)
    try:
        answers = await pipeline.execute(raise_on_error=False)
    except (RedisError, OSError) as error:
        raise SinkError(explain(error)) from error
    return {name: answer for name, answer in zip(STREAMS, answers, strict=True) if isinstance(answer, int)}
